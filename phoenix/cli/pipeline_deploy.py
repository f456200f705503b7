"""`phoenix pipeline deploy`, `rollback` and `delete`: what changes which pipeline serves on a host."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from phoenix.cli.exit_codes import ExitCode
from phoenix.cli.output import Format, FormatOption
from phoenix.cli.pipeline import Settings, parsed
from phoenix.cli.target_hosts import TargetHosts, exit_code_of, hosts_of, tell_faults, write_answer

if TYPE_CHECKING:
    from phoenix.services.deployments.deploying import Deployed, Preview
    from phoenix.services.deployments.rollout import Ended

COLUMNS = ("host", "result", "revision", "previous", "seconds", "reason")
PREVIEW_COLUMNS = ("host", "result", "current", "pipeline", "version", "next", "drift", "reason")
ROLLBACK_COLUMNS = ("host", "result", "revision", "to", "previous", "pipeline", "version", "reason")
DELETE_COLUMNS = ("host", "result", "served", "removed", "reason")


class OnFailure(StrEnum):
    """What becomes of the other hosts when one fails."""

    STOP = "stop"
    SKIP = "skip"


def deploy(
    pipeline: Annotated[
        str, typer.Argument(metavar="PIPELINE|FILE", help="Of the catalog, or a collector configuration.")
    ],
    target_hosts: TargetHosts = None,
    settings: Settings = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="N", help="The deployment's name; the pipeline's if left out."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen on each host; changes nothing.")
    ] = False,
    on_failure: Annotated[
        OnFailure,
        typer.Option("--on-failure", help="stop: begin no further host; skip: go on with the others."),
    ] = OnFailure.STOP,
    output: FormatOption = Format.TABLE,
) -> int:
    """Let a pipeline serve on hosts: beside what serves there, with data flow, then the switch."""
    from phoenix.cli.recover import opened_by
    from phoenix.composition import compose
    from phoenix.domain.targets import check_name
    from phoenix.services.deployments.documents import deployed_row

    phoenix = compose()
    if name is not None:
        check_name(name, "deployment's name")
    hosts = hosts_of(phoenix, target_hosts)
    resolved = phoenix.pipelines.named(pipeline, parsed(settings))
    if dry_run:
        previews = phoenix.deployments.preview(resolved, hosts, name=name)
        _write_previews(previews, output)
        tell_faults(previews)
        return exit_code_of(previews)
    for finding in resolved.findings:
        typer.echo(f"{finding.severity}: {finding.path}: {finding.reason}", err=True)
    ended = opened_by(phoenix).deployments.deploy(
        resolved,
        hosts,
        name=name,
        keep_going=on_failure is OnFailure.SKIP,
        on_end=_tell_end if len(hosts) > 1 else _tell_notices,
    )
    write_answer([deployed_row(one) for one in ended], COLUMNS, output)
    tell_faults(ended)
    return exit_code_of(ended)


def rollback(
    target_hosts: TargetHosts = None,
    to: Annotated[
        int | None,
        typer.Option(
            "--to", metavar="REV", min=1, help="The revision; what served before the active one if left out."
        ),
    ] = None,
    output: FormatOption = Format.TABLE,
) -> int:
    """Let an earlier revision serve again; never asks. The active one's own number repairs what drifted."""
    from phoenix.cli.recover import opened_by
    from phoenix.composition import compose
    from phoenix.services.deployments.documents import rollback_row, short

    phoenix = compose()
    hosts = hosts_of(phoenix, target_hosts)
    ended = opened_by(phoenix).deployments.roll_back(hosts, to)
    rows = [rollback_row(one) for one in ended]
    if output not in (Format.JSON, Format.YAML):
        rows = [{**row, "version": short(row["version"])} if "version" in row else row for row in rows]
    write_answer(rows, ROLLBACK_COLUMNS, output)
    tell_faults(ended)
    return exit_code_of(ended)


def delete(
    target_hosts: TargetHosts = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    forget: Annotated[
        bool,
        typer.Option(
            "--forget", help="For a host that is gone for ever: strike it from the ledger, ask nobody there."
        ),
    ] = False,
    output: FormatOption = Format.TABLE,
) -> int:
    """Take what serves on hosts, and all they keep of earlier revisions, off them. Asks only on a terminal."""
    import sys

    from phoenix.cli.recover import opened_by
    from phoenix.composition import compose
    from phoenix.services.deployments.documents import deletion_row

    phoenix = compose()
    hosts = hosts_of(phoenix, target_hosts)
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        loss = "The history will be lost of" if forget else "No pipeline of Phoenix will serve on"
        if not typer.confirm(f"{loss} {', '.join(hosts)}. Go on?", err=True):
            return ExitCode.STOPPED
    if forget:
        phoenix.deployments.forget(hosts)
        return ExitCode.DONE
    ended = opened_by(phoenix).deployments.delete(hosts)
    write_answer([deletion_row(one) for one in ended], DELETE_COLUMNS, output)
    tell_faults(ended)
    return exit_code_of(ended)


def _tell_notices(one: "Ended[Deployed]") -> None:
    from phoenix.services.deployments.holding import StoppedError

    for notice in one.result.notices if one.result else ():
        typer.echo(f"notice: {one.target}: {notice}", err=True)
    if isinstance(one.fault, StoppedError):
        typer.echo(f"{one.target}: {one.fault.message}", err=True)


def _tell_end(one: "Ended[Deployed]") -> None:
    from phoenix.services.deployments.documents import deployed_row

    _tell_notices(one)
    if one.result is not None:
        typer.echo(f"{one.target}: {deployed_row(one)['result']}, revision {one.result.revision}", err=True)


def _write_previews(previews: "tuple[Ended[Preview], ...]", output: Format) -> None:
    from phoenix.cli.output import write
    from phoenix.services.deployments.documents import preview_row

    rows = [preview_row(one) for one in previews]
    write_answer(rows, PREVIEW_COLUMNS, output)
    if output is Format.TABLE:
        shown = dict.fromkeys(one.result.diff for one in previews if one.result and one.result.diff)
        if shown:
            write("\n".join(["", *shown]))
