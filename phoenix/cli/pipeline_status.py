"""`phoenix pipeline status`, `list-deployments` and `history`: what serves where, and how it came about."""

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from phoenix.cli.output import Format, FormatOption
from phoenix.cli.target_hosts import TargetHosts, hosts_of, write_answer

if TYPE_CHECKING:
    from phoenix.domain.deployment import Revision
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
        status_row(one) if output not in (Format.JSON, Format.YAML) else document_of(one) for one in found
    ]
    write_answer(rows, COLUMNS, output, "nothing is deployed")
    tell_reasons(found)


def list_deployments(output: FormatOption = Format.TABLE) -> None:
    """List what is deployed, by name: pipeline, version, hosts."""
    from phoenix.cli.recover import opened

    found = opened().deployments.list()
    whole = output in (Format.JSON, Format.YAML)
    rows: list[dict[str, object]] = [
        {
            "name": one.name,
            "pipeline": one.pipeline,
            "version": one.version if whole else one.version[:12],
            "hosts": list(one.hosts) if whole else ", ".join(one.hosts),
            "since": _moment(one.since, whole=whole),
        }
        for one in found
    ]
    write_answer(rows, LIST_COLUMNS, output, "nothing is deployed")


def history(target_hosts: TargetHosts = None, output: FormatOption = Format.TABLE) -> None:
    """Show the revisions of hosts, newest first: what served, when, and why."""
    from phoenix.cli.recover import opened_by
    from phoenix.composition import compose

    phoenix = compose()
    hosts = hosts_of(phoenix, target_hosts)
    deployments = opened_by(phoenix).deployments
    whole = output in (Format.JSON, Format.YAML)
    rows = [_revision_row(one, whole=whole) for host in hosts for one in deployments.history(host)]
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
        "since": _moment(one.since, whole=False),
        "drift": clean("; ".join(one.drift)) or None,
    }


def document_of(one: "HostStatus") -> dict[str, object]:
    """Everything that is known of a host; what is not is null."""
    flow = one.flow
    return {
        "host": one.host,
        "health": one.health.value,
        "reason": one.reason,
        "name": one.name,
        "pipeline": one.pipeline,
        "version": one.version,
        "revision": one.revision,
        "points_in_per_second": flow.points_in if flow else None,
        "points_out_per_second": flow.points_out if flow else None,
        "window_seconds": flow.window_seconds if flow else None,
        "series": flow.series if flow else None,
        "reduction": one.reduction,
        "cpu_cores": flow.cpu_cores if flow else None,
        "memory_bytes": flow.memory_bytes if flow else None,
        "given_up": dict(flow.given_up) if flow else {},
        "since": _moment(one.since, whole=True),
        "drift": list(one.drift),
    }


def tell_reasons(found: "tuple[HostStatus, ...]") -> None:
    """What a table has no room for, on standard error."""
    from phoenix.services.views.wording import clean

    for one in found:
        if one.reason:
            typer.echo(f"{one.host}: {clean(one.reason)}", err=True)


def _revision_row(one: "Revision", *, whole: bool) -> dict[str, object]:
    from phoenix.services.views.wording import clean

    row: dict[str, object] = {
        "host": one.host,
        "revision": one.number,
        "state": one.state.value,
        "name": one.name,
        "pipeline": clean(one.pipeline),
        "version": one.version if whole else one.version[:12],
        "why": one.reason,
        "by": one.by,
        "served": _moment(one.activated_at, whole=whole),
        "until": _moment(one.ended_at if one.activated_at else None, whole=whole),
        "error": (one.error if whole else clean(one.error.partition("\n")[0])) or None,
    }
    if whole:
        row |= {
            "owner": one.owner,
            "digest": one.digest,
            "parameters": dict(one.parameters),
            "variables": list(one.variables),
            "previous": one.previous,
            "created": _moment(one.created_at, whole=True),
        }
    return row


def _moment(at: datetime | None, *, whole: bool) -> str | None:
    if at is None:
        return None
    return at.isoformat() if whole else f"{at:%Y-%m-%d %H:%M:%S}"
