"""`phoenix pipeline vm-config`: a pipeline for a host Phoenix may not log in to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phoenix.cli.pipeline import Settings, parsed

if TYPE_CHECKING:
    from phoenix.services.vm_configs import VmConfig


def vm_config(
    pipeline: Annotated[
        str, typer.Argument(metavar="PIPELINE|FILE", help="Of the catalog, or a collector configuration.")
    ],
    settings: Settings = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="N", help="What to call it; the pipeline's name if left out."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="The folder to write; ./phoenix-NAME if left out."
        ),
    ] = None,
) -> None:
    """Write configuration, unit and install script for a host that Phoenix may not log in to."""
    from phoenix.cli.output import write
    from phoenix.composition import compose

    written = compose().vm_configs.write(pipeline, parsed(settings), name=name, folder=folder)
    for finding in written.findings:
        typer.echo(f"{finding.severity}: {finding.path}: {finding.reason}\n    {finding.fix}", err=True)
    if written.unchecked:
        typer.echo(
            f"not checked by a collector here, install.sh asks the host's: {written.unchecked}", err=True
        )
    write("\n".join(str(written.folder / file) for file in written.files))
    typer.echo(_next(written), err=True)


def _next(written: "VmConfig") -> str:
    """What the person has to do."""
    bundle = written.bundle
    lines = [f"copy {written.folder} and a collector to the host; there, as root:"]
    if bundle.variables:
        lines.append(f"  put {', '.join(bundle.variables)} into {bundle.places.environment_file} (mode 0600)")
    lines += [f"  put {file} there (mode 0600)" for file in bundle.secret_files]
    return "\n".join([*lines, "  sh install.sh --collector ./otelcol-phoenix"])
