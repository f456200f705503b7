"""`phoenix auth`: signing in to a Phoenix server from here, and one's tokens there. People: `phoenix.cli.auth_user`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phoenix.cli import auth_user
from phoenix.cli.output import DocumentOption, Format, FormatOption

if TYPE_CHECKING:
    from phoenix.adapters.api_client.client import ApiClient
    from phoenix.composition import Phoenix

app = typer.Typer(
    help="Sign in to a Phoenix server; tokens and users.", no_args_is_help=True, rich_markup_mode=None
)
tokens = typer.Typer(help="Tokens for programs.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(tokens, name="token")
app.add_typer(auth_user.app, name="user")

TOKEN_COLUMNS = ("id", "name", "role", "createdAt", "expiresAt", "usedAt", "revokedAt")

DEFAULT_SERVER = "http://127.0.0.1:8080"


@app.command()
def login(
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help=f"[default: PHOENIX_API_URL, else {DEFAULT_SERVER}]"),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Asked for if left out.")] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            metavar="FILE",
            help="Its first line; - is standard input. Asked for if left out.",
        ),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long it holds.")] = 30,
) -> None:
    """Sign in: keeps a token of yours for this state folder, which phoenix auth logout ends."""
    from phoenix.adapters import credentials
    from phoenix.adapters.api_client.client import ApiClient
    from phoenix.adapters.drivers import person
    from phoenix.composition import compose

    phoenix = compose()
    url = (server or phoenix.settings.api_url or DEFAULT_SERVER).rstrip("/")
    with ApiClient(url) as client:
        who = name or typer.prompt("name", err=True)
        given = {
            "name": who,
            "password": read_password(password_file),
            "program": f"phoenix auth login, {person()}",
        }
        token = client.post("/auth/token", {**given, "days": days})
    earlier = credentials.read(phoenix.settings.home)
    credentials.write(
        phoenix.settings.home,
        credentials.SignedIn(url, str(token["user"]), str(token["id"]), str(token["secret"])),
    )
    if earlier is not None:
        _revoke(earlier.url, earlier.token, earlier.token_id)
    typer.echo(
        f"signed in to {url} as {token['user']}, {token['role']}, until {str(token['expiresAt'])[:10]}",
        err=True,
    )


@app.command()
def logout() -> int:
    """End the token of phoenix auth login, here and on its server."""
    from phoenix.adapters import credentials
    from phoenix.cli.exit_codes import ExitCode
    from phoenix.composition import compose

    home = compose().settings.home
    found = credentials.read(home)
    if found is None:
        typer.echo("nobody is signed in here", err=True)
        return ExitCode.DONE
    credentials.forget(home)
    if _revoke(found.url, found.token, found.token_id):
        typer.echo(f"signed out of {found.url}", err=True)
        return ExitCode.DONE
    typer.echo(
        f"forgotten here; {found.url} does not answer, so that the token holds there until its end", err=True
    )
    return ExitCode.OUTSIDE_FAILED


@app.command()
def status(output: DocumentOption = Format.TABLE) -> int:
    """Say where one is signed in, as whom, and what one may do. Exit code 3 where nowhere."""
    from phoenix.cli.exit_codes import ExitCode
    from phoenix.cli.output import write, write_document
    from phoenix.composition import compose

    phoenix = compose()
    server = phoenix.server()
    if server is None:
        typer.echo("nobody is signed in here; commands work on this machine's own state folder", err=True)
        return ExitCode.NOT_POSSIBLE
    with server as client:
        session = client.get("/auth/session")
    document = {"server": server.url, **session["user"], "way": session["way"]}
    if output is Format.TABLE:
        write(f"{document['name']}, {document['role']}, at {document['server']}")
    else:
        write_document(document, output)
    return ExitCode.DONE


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    role: Annotated[
        str, typer.Option("--role", help="viewer, operator or admin: the most that it may do.")
    ] = "viewer",
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long it holds.")] = 90,
    output: DocumentOption = Format.TABLE,
) -> None:
    """Make a token for a program. Its secret is printed once, on standard output."""
    from phoenix.cli.output import write, write_document

    with _server() as client:
        made = client.post("/auth/tokens", {"name": name, "role": role, "days": days})
    if output is Format.TABLE:
        typer.echo(
            f"{made['id']}: {made['role']}, until {str(made['expiresAt'])[:10]}; shown once:", err=True
        )
        write(str(made["secret"]))
    else:
        write_document(made, output)


@tokens.command("list")
def list_tokens(output: FormatOption = Format.TABLE) -> None:
    """List one's tokens; their secrets are not kept anywhere."""
    from phoenix.cli.output import write_document, write_rows

    with _server() as client:
        rows = client.get("/auth/tokens")["items"]
    if output in (Format.JSON, Format.YAML):
        write_document(rows, output)
    else:
        write_rows(rows, TOKEN_COLUMNS, output)


@tokens.command("revoke")
def revoke_token(
    token: Annotated[str, typer.Argument(metavar="ID", help="As phoenix auth token list shows it.")],
) -> None:
    """End a token at once."""
    from phoenix.adapters.api_client.client import segment

    with _server() as client:
        client.delete(f"/auth/tokens/{segment(token)}")
    typer.echo(f"{token} holds no more", err=True)


def read_password(file: Path | None, what: str = "password") -> str:
    """From a file, from standard input, or asked for without showing it; never from the command line."""
    import sys

    if file is None:
        return typer.prompt(what, hide_input=True, err=True)
    text = sys.stdin.readline() if str(file) == "-" else file.read_text(encoding="utf-8")
    return text.splitlines()[0] if text else ""


def _server() -> "ApiClient":
    from phoenix.composition import compose

    return signed_in(compose())


def signed_in(phoenix: "Phoenix") -> "ApiClient":
    """The server that somebody is signed in to.

    Raises:
        StateError: He is nowhere.
    """
    from phoenix.domain.errors import StateError

    found = phoenix.server()
    if found is None:
        raise StateError(
            "Nobody is signed in to a server here.",
            code="not_signed_in",
            hint="phoenix auth login; or PHOENIX_API_URL and PHOENIX_TOKEN",
        )
    return found


def _revoke(url: str, secret: str, token: str) -> bool:
    """Whether the token no longer holds on its server."""
    from phoenix.adapters.api_client.client import ApiClient, segment
    from phoenix.domain.errors import DependencyError, StateError

    try:
        with ApiClient(url, secret) as client:
            client.delete(f"/auth/tokens/{segment(token)}")
    except DependencyError:
        return False
    except StateError:
        return True  # it held no more already
    return True
