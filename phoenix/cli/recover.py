"""`phoenix recover`, and the recovery that every command about experiments or hosts begins with."""

from typing import TYPE_CHECKING

import typer

from phoenix.cli.output import Format, FormatOption

if TYPE_CHECKING:
    from phoenix.composition import Phoenix
    from phoenix.services.deployments.host_recovery import HostRepair
    from phoenix.services.flow_runs import FlowRunRepair
    from phoenix.services.loads.recovery import LoadRepair
    from phoenix.services.recovery import Repair

COLUMNS = ("name", "experiment", "load", "flow_run", "host", "revision", "found", "ended", "what")


def recover(output: FormatOption = Format.TABLE) -> int:
    """Repair what lost drivers, silent hosts and dead flow processes left, everywhere. Safe at any time, twice is once."""
    from phoenix.cli.exit_codes import ExitCode
    from phoenix.cli.output import write_document, write_rows
    from phoenix.composition import compose

    recovered = compose().recoveries.recover()
    rows = [
        *map(_flow_run_row, recovered.flow_runs),
        *map(_experiment_row, recovered.experiments),
        *map(_host_row, recovered.hosts),
        *map(_load_row, recovered.loads),
    ]
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


def _experiment_row(repair: "Repair") -> dict[str, object]:
    return {
        "name": repair.name,
        "experiment": repair.experiment,
        "found": repair.phase.value,
        "ended": repair.ended.value if repair.ended else None,
        "what": repair.words,
    }


def _flow_run_row(repair: "FlowRunRepair") -> dict[str, object]:
    return {
        "name": repair.name,
        "flow_run": repair.flow_run,
        "found": repair.found.value.lower(),
        "ended": repair.ended.value.lower() if repair.ended else None,
        "what": repair.words,
    }


def _load_row(repair: "LoadRepair") -> dict[str, object]:
    return {
        "name": repair.name,
        "load": repair.load,
        "found": repair.found.value,
        "ended": "ended" if repair.ended else None,
        "what": repair.words,
    }


def _host_row(repair: "HostRepair") -> dict[str, object]:
    return {
        "name": repair.name,
        "host": repair.host,
        "revision": repair.revision,
        "ended": repair.ended.value if repair.ended else None,
        "what": repair.words,
    }
