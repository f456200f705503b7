"""`phoenix pipeline status`, `list-deployments` and `history`: what serves where, and how it came about."""

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phoenix.cli.output import Format, FormatOption
from phoenix.cli.target_hosts import TargetHosts, hosts_of, write_answer

if TYPE_CHECKING:
    from phoenix.services.deployments.status import HostStatus

COLUMNS = (
    "host",
    "pipeline",
    "revision",
    "health",
    "in/s",
    "out/s",
    "series",
    "cut",
    "cpu",
    "memory",
    "since",
    "drift",
)
HISTORY_COLUMNS = (
    "host",
    "revision",
    "state",
    "name",
    "pipeline",
    "version",
    "why",
    "by",
    "served",
    "until",
    "error",
)
LIST_COLUMNS = ("name", "pipeline", "version", "hosts", "since")


def status(
    target_hosts: TargetHosts = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", "--follow", help="Look again every 2 s, until Ctrl-C.")
    ] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show how what serves is doing; every host with a pipeline if none is named."""
    from phoenix.cli.recover import opened_by
    from phoenix.composition import compose
    from phoenix.services.deployments.documents import status_document

    phoenix = compose()
    hosts = hosts_of(phoenix, target_hosts) if target_hosts else ()
    statuses = opened_by(phoenix).deployments.statuses()
    if watch:
        from phoenix.cli.pipeline_watch import follow

        with suppress(KeyboardInterrupt):
            follow(lambda: statuses.read(hosts))
        return
    found = statuses.read(hosts)
    rows = [
        status_row(one) if output not in (Format.JSON, Format.YAML) else status_document(one) for one in found
    ]
    write_answer(rows, COLUMNS, output, "nothing is deployed")
    tell_reasons(found)


def list_deployments(output: FormatOption = Format.TABLE) -> None:
    """List what is deployed, by name: pipeline, version, hosts."""
    from phoenix.cli.recover import opened
    from phoenix.services.deployments.documents import deployment_row, short

    found = opened().deployments.list()
    rows = [deployment_row(one) for one in found]
    if output not in (Format.JSON, Format.YAML):
        rows = [
            {
                **row,
                "version": short(row["version"]),
                "hosts": ", ".join(row["hosts"]),
                "since": _read(row["since"]),
            }
            for row in rows
        ]
    write_answer(rows, LIST_COLUMNS, output, "nothing is deployed")


def history(target_hosts: TargetHosts = None, output: FormatOption = Format.TABLE) -> None:
    """Show the revisions of hosts, newest first: what served, when, and why."""
    from phoenix.cli.recover import opened_by
    from phoenix.composition import compose
    from phoenix.services.deployments.documents import revision_row

    phoenix = compose()
    hosts = hosts_of(phoenix, target_hosts)
    deployments = opened_by(phoenix).deployments
    rows = [revision_row(one) for host in hosts for one in deployments.history(host)]
    if output not in (Format.JSON, Format.YAML):
        rows = [_shown(row) for row in rows]
    write_answer(rows, HISTORY_COLUMNS, output)


def status_row(one: "HostStatus") -> dict[str, object]:
    """One line of the table; its keys are `COLUMNS`."""
    from phoenix.domain.metrics import Metric
    from phoenix.services.views.wording import amount, clean, share

    flow = one.flow
    return {
        "host": one.host,
        "pipeline": clean(one.pipeline) if one.pipeline else None,
        "revision": one.revision,
        "health": one.health.value,
        "in/s": flow.points_in if flow else None,
        "out/s": flow.points_out if flow else None,
        "series": flow.series if flow else None,
        "cut": None if one.reduction is None else share(one.reduction),
        "cpu": amount(Metric.COLLECTOR_CPU_CORES, flow.cpu_cores) if flow else None,
        "memory": amount(Metric.COLLECTOR_MEMORY_BYTES, flow.memory_bytes) if flow else None,
        "since": _moment(one.since),
        "drift": clean("; ".join(one.drift)) or None,
    }


def tell_reasons(found: "tuple[HostStatus, ...]") -> None:
    """What a table has no room for, on standard error."""
    from phoenix.services.views.wording import clean

    for one in found:
        if one.reason:
            typer.echo(f"{one.host}: {clean(one.reason)}", err=True)


def _shown(row: dict[str, Any]) -> dict[str, object]:
    """A revision in a table."""
    from phoenix.services.deployments.documents import short
    from phoenix.services.views.wording import clean

    error = clean((row["error"] or "").partition("\n")[0]) or None
    times = {key: _read(row[key]) for key in ("served", "until")}
    return {**row, "version": short(row["version"]), "error": error, **times}


def _read(text: str | None) -> str | None:
    return None if text is None else _moment(datetime.fromisoformat(text))


def _moment(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
