"""`phoenix pipeline`: the catalog, the check of a pipeline, and pipelines on hosts (`phoenix.cli.pipeline_*`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from phoenix.cli.exit_codes import ExitCode
from phoenix.cli.output import Format, FormatOption

if TYPE_CHECKING:
    from phoenix.domain.findings import Finding
    from phoenix.domain.pipelines.pipeline import Pipeline
    from phoenix.services.pipelines import ResolvedPipeline

app = typer.Typer(
    help="Pipelines: of the catalog and your own, checked, on hosts.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter's value; may be given several times."),
]


@app.command("list")
def list_pipelines(output: FormatOption = Format.TABLE) -> None:
    """List the pipelines of the catalog."""
    from phoenix.cli.output import write_document, write_rows
    from phoenix.composition import compose
    from phoenix.services.views.catalog import pipeline_row

    rows = [pipeline_row(entry) for entry in compose().pipelines.list()]
    if output in (Format.JSON, Format.YAML):
        write_document(rows, output)
        return
    shown = [{**row, "aliases": ", ".join(row["aliases"])} for row in rows]
    write_rows(shown, ("name", "aliases", "title"), output)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name or alias.")],
    settings: Settings = None,
    output: Annotated[
        Format,
        typer.Option("--output", "-o", help="table: the page; yaml: the configuration; json: everything."),
    ] = Format.TABLE,
) -> None:
    """Show a pipeline: its page, its parameters, and the configuration it becomes."""
    from phoenix.adapters.yaml.documents import dump_yaml
    from phoenix.cli.output import write, write_document
    from phoenix.composition import compose
    from phoenix.domain.trees import plain
    from phoenix.manifests.slots import slot_config
    from phoenix.services.views.catalog import pipeline_document

    pipeline, resolved = compose().pipelines.show(name, parsed(settings))
    config = plain(slot_config(resolved.own, resolved.production).config)
    if output is Format.JSON:
        write_document({**pipeline_document(pipeline, resolved), "config": config}, output)
    elif output is Format.YAML:
        write(dump_yaml(config))
    else:
        write(pipeline.page)
        _write_parameters(pipeline, resolved, Format.MARKDOWN if output is Format.MARKDOWN else Format.TABLE)
        write(f"\nversion {resolved.own.version}\n\n{dump_yaml(config)}")


@app.command()
def validate(
    pipeline: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="Of the catalog, or a collector configuration.")
    ],
    settings: Settings = None,
    output: FormatOption = Format.TABLE,
) -> int:
    """Check a pipeline in full: exit code 2 if there is any finding, 0 if there is none."""
    from phoenix.cli.output import write_document
    from phoenix.composition import compose
    from phoenix.services.views.catalog import validation_document

    findings = compose().pipelines.validate(pipeline, parsed(settings))
    if output in (Format.JSON, Format.YAML):
        write_document(validation_document(findings), output)
    else:
        _write_findings(pipeline, findings, output)
    return ExitCode.INVALID if findings else ExitCode.DONE


def parsed(settings: Sequence[str] | None) -> dict[str, str]:
    """What `--set NAME=VALUE`, given several times, says.

    Raises:
        SpecError: One has no name or no value, or a name is given twice.
    """
    from phoenix.domain.settings_text import parse_settings

    return parse_settings(settings or (), "--set ")


def _write_parameters(pipeline: "Pipeline", resolved: "ResolvedPipeline", form: Format) -> None:
    from phoenix.cli.output import write, write_rows
    from phoenix.services.views.catalog import parameter_rows

    write("")
    rows = parameter_rows(pipeline, resolved.parameters)
    write_rows(rows, ("name", "type", "value", "minimum", "maximum", "help"), form)


def _write_findings(pipeline: str, findings: Sequence["Finding"], output: Format) -> None:
    from phoenix.cli.output import write, write_rows
    from phoenix.domain.findings import as_document

    if output in (Format.CSV, Format.MARKDOWN):
        write_rows([as_document(f) for f in findings], ("severity", "code", "path", "reason", "fix"), output)
        return
    for finding in findings:
        where = f" at {finding.path}" if finding.path else ""
        write(f"{finding.severity}: {finding.code}{where}\n    {finding.reason}\n    fix: {finding.fix}")
    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    write(f"{pipeline}: {count}" if findings else f"{pipeline}: valid, no findings")
