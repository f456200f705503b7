"""`phoenix up` and `phoenix down`: the Prefect server, a worker, the deployments and the API, on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from phoenix.cli.output import DocumentOption, Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from phoenix.adapters.control_plane.state import ControlPlane
    from phoenix.composition import Phoenix
    from phoenix.services.control_plane.parts import Wanted
    from phoenix.services.control_plane.verbs import ControlPlanes

app = typer.Typer(
    invoke_without_command=True, no_args_is_help=False, rich_markup_mode=None, subcommand_metavar="[status]"
)

COLUMNS = ("part", "state", "since", "pid", "restarts", "url")


@app.callback()
def up(
    context: typer.Context,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when it is ready; phoenix down ends it.")
    ] = False,
    prefect_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="API URL of a Prefect server that is there; none is started then."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Of the server, on loopback; 0: any free one.  [default: 4200, else a free one]",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="How many; more than one needs PostgreSQL for Prefect.")
    ] = 1,
    api_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Of the Phoenix API, on loopback; 0: any free one.  [default: 8080, else a free one]",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Look whether it would work, and start nothing.")
    ] = False,
    output: DocumentOption = Format.TABLE,
) -> int | None:
    """Start the Prefect server with its UI, a worker, the deployments and the API; they run until Ctrl-C, or with --detach.

    Experiments, promotions and what is scheduled can then be started and watched in the UI.
    """
    if context.invoked_subcommand is not None:
        return None
    from phoenix.composition import compose
    from phoenix.services.control_plane.parts import Wanted

    wanted = Wanted(workers, port, prefect_url, api_port)
    phoenix = compose()
    if check:
        return _check(phoenix, wanted, output)
    if detach:
        return _start(phoenix, wanted, output)
    _hold(phoenix, wanted)
    return None


@app.command()
def status(output: DocumentOption = Format.TABLE) -> int:
    """Show each part. Exit code 3 where nothing is up. In JSON, prefect.apiUrl is the value for PREFECT_API_URL."""
    from phoenix.composition import compose

    planes = compose().control_plane
    return _show(planes, planes.running(), output)


def down() -> None:
    """End what phoenix up started; flow runs clean up first, which can take a minute."""
    from phoenix.composition import compose

    if compose().control_plane.end(_say):
        _say("the control plane is down")
    else:
        _say("nothing is up")


def _start(phoenix: "Phoenix", wanted: "Wanted", output: Format) -> int:
    planes = phoenix.control_plane
    found = planes.settled(_say)
    if found is not None:
        _say(f"the control plane is up already ({found.stage})")
    else:
        found = planes.start(wanted, _say)
    _say(_next_steps(phoenix, found, "phoenix down"))
    if output is Format.TABLE:
        return 0
    return _show(planes, found, output)


def _hold(phoenix: "Phoenix", wanted: "Wanted") -> None:
    from phoenix.adapters.control_plane.signals import CalledBySignals

    planes = phoenix.control_plane

    def say(words: str) -> None:
        _say(words)
        found = planes.running() if words.startswith("the control plane is up") else None
        if found is not None:
            _say(_next_steps(phoenix, found, "Ctrl-C"))

    planes.hold(wanted, CalledBySignals(), say)


def _check(phoenix: "Phoenix", wanted: "Wanted", output: Format) -> int:
    from phoenix.cli.exit_codes import ExitCode
    from phoenix.cli.output import write, write_document
    from phoenix.services.control_plane.findings import CheckOutcome

    found = list(phoenix.checking.run(wanted))
    if output is Format.TABLE:
        for one in found:
            fix = f"; to do: {one.fix}" if one.fix else ""
            write(f"{one.outcome.value:<8} {one.what}: {one.why}{fix}")
    else:
        keys = ("what", "outcome", "why", "fix")
        document = [{key: str(getattr(one, key)) for key in keys if getattr(one, key)} for one in found]
        write_document({"checks": document}, output)
    is_bad = any(one.outcome is CheckOutcome.FAILED for one in found)
    return ExitCode.OUTSIDE_FAILED if is_bad else ExitCode.DONE


def _show(planes: "ControlPlanes", found: "ControlPlane | None", output: Format) -> int:
    from phoenix.cli.exit_codes import ExitCode
    from phoenix.cli.output import write_document
    from phoenix.services.control_plane.status import as_document

    if output is not Format.TABLE:
        write_document(as_document(found, planes.logs), output)
    elif found is None:
        _say("nothing is up; phoenix up starts it")
    else:
        _write_table(found)
    return ExitCode.DONE if found is not None else ExitCode.NOT_POSSIBLE


def _write_table(found: "ControlPlane") -> None:
    from phoenix.cli.output import write, write_rows
    from phoenix.services.control_plane.parts import API

    rows = [
        {
            "part": part.name,
            "state": part.state.value,
            "since": f"{part.since.astimezone():%Y-%m-%d %H:%M:%S}",
            "pid": part.pid,
            "restarts": part.restarts,
            "url": part.url,
        }
        for part in found.parts
    ]
    write_rows(rows, COLUMNS, Format.TABLE)
    doing = f": {found.words}" if found.words else ""
    write(f"\ncontrol plane    {found.stage.value}{doing}")
    if found.api_url:
        write(f"Prefect UI       {found.ui_url}\nPREFECT_API_URL  {found.api_url}")
    if (api := found.part(API)) is not None and api.url:
        write(f"Phoenix API      {api.url}/api/v1")
    for part in found.parts:
        if part.words:
            write(f"\n{part.name} last died: {part.words}")


def _next_steps(phoenix: "Phoenix", found: "ControlPlane", ending: str) -> str:
    from phoenix.services.control_plane.parts import API

    api = found.part(API)
    return "\n".join(
        (
            f"  Prefect UI       {found.ui_url}",
            f"  PREFECT_API_URL  {found.api_url}",
            *(_api_lines(phoenix, api.url) if api is not None and api.url else ()),
            f"  logs             {phoenix.control_plane.logs}",
            "  next             phoenix experiment run -f FILE, or Deployments > experiment > Run in the UI",
            f"  ending it        {ending}",
        )
    )


def _api_lines(phoenix: "Phoenix", url: str) -> "Iterator[str]":
    from phoenix.cli.server import first_admin_link

    yield f"  Phoenix API      {url}/api/v1"
    if link := first_admin_link(phoenix, url):
        yield f"  first admin      {link}  (holds once, for a day)"


def _say(words: str) -> None:
    from contextlib import suppress

    # A terminal that hung up must not cut the clean ending short.
    with suppress(OSError):
        typer.echo(words, err=True)
