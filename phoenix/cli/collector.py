"""`phoenix collector`: the collector binary that Phoenix runs on this machine."""

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from phoenix.adapters.collector.installer import CollectorBinary, CollectorInstaller

app = typer.Typer(
    name="collector",
    help="Build, find and check the collector binary.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Output(StrEnum):
    """How data is written."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to write the answer.")]


@app.command()
def install(
    output: OutputOption = Output.TABLE,
    force: Annotated[bool, typer.Option("--force", help="Build anew even if it is installed.")] = False,
) -> None:
    """Build the collector unless it is there. The first build takes minutes."""
    _show(_installer().install(_say, rebuild=force), output)


@app.command()
def path(output: OutputOption = Output.TABLE) -> None:
    """Print the path of the binary, without building it."""
    found = _installer().installed()
    if output is Output.TABLE:
        typer.echo(found.path)
    else:
        _show(found, output)


@app.command()
def verify(output: OutputOption = Output.TABLE) -> None:
    """Recompute the binary's digest and compare it with the recorded one."""
    _show(_installer().verify(), output)


def _installer() -> "CollectorInstaller":
    from phoenix.composition import compose

    return compose().installer


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _show(binary: "CollectorBinary", output: Output) -> None:
    facts = {"path": str(binary.path), "sha256": binary.sha256, "version": binary.version}
    if output is Output.JSON:
        typer.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        typer.echo(f"{name:<8} {value or 'unknown'}")
