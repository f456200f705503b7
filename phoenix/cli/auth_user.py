"""`phoenix auth user`: who may sign in. On the server one is signed in to, else on this machine's own state folder."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from phoenix.cli.output import Format, FormatOption

if TYPE_CHECKING:
    from phoenix.adapters.api_client.client import ApiClient
    from phoenix.composition import Phoenix

app = typer.Typer(help="Users and their roles.", no_args_is_help=True, rich_markup_mode=None)

COLUMNS = ("name", "role", "isDisabled", "hasPassword", "lockedUntil", "createdAt")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
RoleText = Annotated[str, typer.Option("--role", help="viewer, operator or admin.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file", metavar="FILE", help="Its first line; - is standard input. Asked for if left out."
    ),
]


@app.command("list")
def list_users(output: FormatOption = Format.TABLE) -> None:
    """List who may sign in."""
    from phoenix.cli.output import write_document, write_rows

    with _people() as people:
        rows = people.list()
    if output in (Format.JSON, Format.YAML):
        write_document(rows, output)
    else:
        write_rows(rows, COLUMNS, output)


@app.command()
def add(name: Name, role: RoleText = "viewer", password_file: PasswordFile = None) -> None:
    """Let somebody sign in."""
    from phoenix.cli.auth import read_password

    with _people() as people:
        made = people.add(name, role, read_password(password_file, f"password of {name}"))
    typer.echo(f"{made['name']} may sign in, as {made['role']}", err=True)


@app.command("role")
def set_role(
    name: Name, role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, operator or admin.")]
) -> None:
    """Give somebody another role. One admin always stays."""
    with _people() as people:
        changed = people.change(name, role=role)
    typer.echo(f"{changed['name']} is {changed['role']} now", err=True)


@app.command("password")
def set_password(name: Name, password_file: PasswordFile = None) -> None:
    """Give somebody a new password; his sessions end."""
    from phoenix.cli.auth import read_password

    with _people() as people:
        people.change(name, password=read_password(password_file, f"new password of {name}"))
    typer.echo(f"{name} has a new password, and is signed in nowhere", err=True)


@app.command()
def disable(name: Name) -> None:
    """Let somebody sign in no more; nothing that he was given holds."""
    with _people() as people:
        people.change(name, is_disabled=True)
    typer.echo(f"{name} may not sign in", err=True)


@app.command()
def enable(name: Name) -> None:
    """Let somebody sign in again."""
    with _people() as people:
        people.change(name, is_disabled=False)
    typer.echo(f"{name} may sign in", err=True)


@app.command()
def remove(name: Name) -> None:
    """Remove somebody, with his tokens; his lines in the audit stay."""
    with _people() as people:
        people.remove(name)
    typer.echo(f"{name} is removed", err=True)


class _People(Protocol):
    def list(self) -> list[dict[str, Any]]: ...

    def add(self, name: str, role: str, password: str) -> dict[str, Any]: ...

    def change(
        self,
        name: str,
        *,
        role: str | None = None,
        password: str | None = None,
        is_disabled: bool | None = None,
    ) -> dict[str, Any]: ...

    def remove(self, name: str) -> None: ...


class _OnServer:
    def __init__(self, client: "ApiClient") -> None:
        self._client = client

    def list(self) -> list[dict[str, Any]]:
        return self._client.get("/auth/users")["items"]

    def add(self, name: str, role: str, password: str) -> dict[str, Any]:
        return self._client.post("/auth/users", {"name": name, "role": role, "password": password})

    def change(
        self,
        name: str,
        *,
        role: str | None = None,
        password: str | None = None,
        is_disabled: bool | None = None,
    ) -> dict[str, Any]:
        wanted = {"role": role, "password": password, "isDisabled": is_disabled}
        body = {key: value for key, value in wanted.items() if value is not None}
        return self._client.patch(self._path(name), body)

    def remove(self, name: str) -> None:
        self._client.delete(self._path(name))

    def _path(self, name: str) -> str:
        from phoenix.adapters.api_client.client import segment

        return f"/auth/users/{segment(name)}"


class _OnThisMachine:
    """Whoever may write the state folder may do so: the store is his."""

    def __init__(self, phoenix: "Phoenix") -> None:
        self._phoenix = phoenix

    def list(self) -> list[dict[str, Any]]:
        from phoenix.services.access.summaries import summarise_user

        return [summarise_user(user) for user in self._phoenix.people.list()]

    def add(self, name: str, role: str, password: str) -> dict[str, Any]:
        self._phoenix.people.add(name, _role(role), password)
        self._audit("users.create", name)
        return self._told(name)

    def change(
        self,
        name: str,
        *,
        role: str | None = None,
        password: str | None = None,
        is_disabled: bool | None = None,
    ) -> dict[str, Any]:
        people = self._phoenix.people
        if role is not None:
            people.set_role(name, _role(role))
        if is_disabled is not None:
            (people.disable if is_disabled else people.enable)(name)
        if password is not None:
            people.set_password(name, password)
        self._audit("users.change", name)
        return self._told(name)

    def remove(self, name: str) -> None:
        self._phoenix.people.remove(name)
        self._audit("users.remove", name)

    def _told(self, name: str) -> dict[str, Any]:
        from phoenix.services.access.summaries import summarise_user

        return summarise_user(self._phoenix.people.get(name))

    def _audit(self, action: str, name: str) -> None:
        from phoenix.adapters.drivers import person

        self._phoenix.audit.write(person(), "command line", action, name, "done", "", "")


@contextmanager
def _people() -> Generator[_People]:
    from phoenix.composition import compose

    phoenix = compose()
    server = phoenix.server()
    if server is None:
        yield _OnThisMachine(phoenix)
        return
    with server as client:
        yield _OnServer(client)


def _role(text: str) -> Any:
    from phoenix.domain.access.roles import Role
    from phoenix.domain.errors import SpecError

    try:
        return Role(text)
    except ValueError:
        raise SpecError(f"There is no role {text!r}.", code="unknown_role", hint=", ".join(Role)) from None
