"""`phoenix recover`, and the recovery that every command about experiments or hosts begins with."""

from typing import TYPE_CHECKING

import typer

from phoenix.cli.output import Format, FormatOption

if TYPE_CHECKING:
    from phoenix.composition import Phoenix

COLUMNS = ("name", "experiment", "load", "flow_run", "host", "revision", "found", "ended", "what")


def recover(output: FormatOption = Format.TABLE) -> int:
    """Repair what lost drivers, silent hosts and dead flow processes left, everywhere. Safe at any time, twice is once."""
    from phoenix.cli.exit_codes import ExitCode
    from phoenix.cli.output import write_document, write_rows
    from phoenix.composition import compose
    from phoenix.services.views.repairs import repair_rows

    recovered = compose().recoveries.recover()
    rows = repair_rows(recovered)
    if recovered.unseen:
        typer.echo(recovered.unseen, err=True)
    if output in (Format.JSON, Format.YAML):
        write_document(rows, output)
    elif rows:
        write_rows(rows, COLUMNS, output)
    else:
        typer.echo("nothing to recover", err=True)
    return ExitCode.OUTSIDE_FAILED if recovered.has_failed else ExitCode.DONE


def opened() -> "Phoenix":
    """The services, after lost experiments were repaired."""
    from phoenix.composition import compose

    return opened_by(compose())


def opened_by(phoenix: "Phoenix") -> "Phoenix":
    """Repair what was lost first; what is repaired is said on standard error.

    Of the deployments only what is pending or owed: no host is asked that has nothing of that.
    """
    # Looked up first: what recovers experiments brings numpy with it, a third of a second that most commands need not pay.
    lost = phoenix.recovery.recover(wait_for_stopping=False) if phoenix.store.unfinished() else ()
    for repair in lost:
        if repair.ended or repair.failed:
            typer.echo(f"recovered {repair.name} ({repair.experiment}): {repair.words}", err=True)
    for repair in phoenix.deployment_recovery.recover(everywhere=False):
        if repair.ended or repair.failed:
            typer.echo(f"recovery of {repair.name} on {repair.host}: {repair.words}", err=True)
    for repair in phoenix.load_recovery.recover() if phoenix.load_store.unfinished() else ():
        if repair.ended or repair.failed:
            typer.echo(f"recovery of the load {repair.name} ({repair.load}): {repair.words}", err=True)
    return phoenix
