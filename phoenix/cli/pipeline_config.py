"""`phoenix pipeline get-active-config` and `diff`: configurations as they serve and as they served."""

from pathlib import Path
from typing import Annotated

import typer

from phoenix.cli.target_hosts import TargetHosts, one_host


def get_active_config(
    target_hosts: TargetHosts = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write it there; to standard output if left out."
        ),
    ] = None,
) -> int:
    """Show the configuration that serves on a host, read back from it; drift from the ledger is told."""
    from phoenix.cli.exit_codes import ExitCode
    from phoenix.cli.output import write
    from phoenix.cli.recover import opened_by
    from phoenix.composition import compose

    phoenix = compose()
    host = one_host(phoenix, target_hosts)
    seen = opened_by(phoenix).deployments.look(host)
    for difference in seen.drift:
        typer.echo(f"drift on {host}: {difference}", err=True)
    if seen.edit:
        typer.echo(seen.edit, err=True)
    if seen.config is None:
        return ExitCode.NOT_POSSIBLE
    if file is None:
        write(seen.config)
    else:
        _save(file, seen.config)
    return ExitCode.DONE


def diff(
    revisions: Annotated[
        list[int] | None,
        typer.Argument(metavar="REV REV", help="Two revisions; the previous and the active one if left out."),
    ] = None,
    target_hosts: TargetHosts = None,
) -> None:
    """Show how the configurations of two revisions of a host differ."""
    from phoenix.cli.output import write
    from phoenix.cli.recover import opened_by
    from phoenix.composition import compose
    from phoenix.domain.errors import SpecError

    if revisions and len(revisions) != 2:
        raise SpecError("Name two revisions, or none.", hint="phoenix pipeline history")
    phoenix = compose()
    host = one_host(phoenix, target_hosts)
    before, after = revisions or (None, None)
    if found := opened_by(phoenix).deployments.diff(host, before, after):
        write(found)
    else:
        typer.echo("no difference", err=True)


def _save(file: Path, text: str) -> None:
    from phoenix.domain.errors import SpecError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise SpecError(f"{file} cannot be written: {fault.strerror}.") from fault
