"""`phoenix server`: the API, in the foreground."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from phoenix.composition import Phoenix


def server(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8080,
    public_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Where people reach it, if a proxy stands before it: https://phoenix.example"
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="A further host name that it answers to; may be given several times."),
    ] = None,
    sign_in: Annotated[
        bool,
        typer.Option(
            "--sign-in/--no-sign-in",
            help="Without it whoever reaches it may do everything; on loopback only.",
        ),
    ] = True,
    admin_link: Annotated[
        bool,
        typer.Option("--admin-link/--no-admin-link", help="Print the one-time link while there is no admin."),
    ] = True,
) -> None:
    """Serve the API until Ctrl-C. The first start prints a one-time link by which the first admin is made."""
    from phoenix.api.options import ServerOptions
    from phoenix.composition import compose

    options = ServerOptions(host, port, sign_in, public_url, tuple(name or ()))
    phoenix = compose(flows_outlive_us=True)
    from phoenix.api.server import serve

    def told(url: str) -> None:
        _say(f"Phoenix API  {url}/api/v1   (description: {url}/openapi.json)")
        if not sign_in:
            _say("without sign-in: every program of this machine may do everything")
        elif admin_link and (link := first_admin_link(phoenix, url)):
            _say(f"first admin  {link}   (holds once, for a day)")

    serve(phoenix, options, told)


def first_admin_link(phoenix: "Phoenix", url: str) -> str | None:
    """The one-time link by which the first admin is made; None where there is one."""
    secret = phoenix.signing_in.invite_first_admin()
    return None if secret is None else f"{url}/api/v1/auth/setup#{secret}"


def _say(words: str) -> None:
    typer.echo(words, err=True)
