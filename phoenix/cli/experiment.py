"""`phoenix experiment`: run, look, stop, promote, roll back, delete."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from phoenix.cli.output import DocumentOption, Format, FormatOption
from phoenix.domain.samples import Variant

app = typer.Typer(
    help="Run an experiment to its verdict, look at it, act on it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Reference = Annotated[
    str, typer.Argument(metavar="NAME", help="Name or id; a name means its newest experiment.")
]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept in the history.")]


class VariantName(StrEnum):
    """A variant as people call it."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"
    A = "A"
    B = "B"

    @property
    def variant(self) -> Variant:
        return Variant.CANDIDATE if self in (VariantName.CANDIDATE, VariantName.B) else Variant.BASELINE


@app.command()
def run(
    file: Annotated[Path, typer.Option("--file", "-f", help="The experiment, YAML.")],
    output: DocumentOption = Format.TABLE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the configurations and the plan only.")
    ] = False,
) -> int:
    """Run an experiment to its verdict. Example: catalog/experiments/topk-on-this-host.yaml."""
    from phoenix.composition import compose

    phoenix = compose()
    draft = phoenix.drafts.read(file)
    # Only now: a bad file is refused without waiting for what draws the progress.
    from phoenix.cli.experiment_run import print_plan, run_to_the_end

    if dry_run:
        print_plan(draft)
        return 0
    return run_to_the_end(phoenix, draft, output)


@app.command("list")
def list_experiments(output: FormatOption = Format.TABLE) -> None:
    """List the experiments, newest first."""
    from phoenix.cli.experiment_view import LIST_COLUMNS, list_row
    from phoenix.cli.output import write_document, write_rows
    from phoenix.cli.recover import opened
    from phoenix.services.views.summaries import summarise

    records = opened().experiments.list()
    if output in (Format.JSON, Format.YAML):
        write_document([summarise(record) for record in records], output)
    else:
        write_rows([list_row(record) for record in records], LIST_COLUMNS, output)


@app.command()
def status(
    name: Reference,
    output: DocumentOption = Format.TABLE,
    watch: Annotated[bool, typer.Option("--watch", "-w", "--follow", help="Go on until it is over.")] = False,
) -> None:
    """Show where an experiment stands."""
    from phoenix.cli.experiment_view import status_text
    from phoenix.cli.live import follow
    from phoenix.cli.output import write, write_document
    from phoenix.cli.recover import opened
    from phoenix.services.views.summaries import summarise

    phoenix = opened()
    record = phoenix.experiments.get(name)
    if watch:
        follow(phoenix.store, record.id)
        record = phoenix.experiments.get(record.id)
    if output in (Format.JSON, Format.YAML):
        write_document(summarise(record), output)
    else:
        write(status_text(summarise(record)))


@app.command()
def compare(name: Reference, output: FormatOption = Format.TABLE) -> None:
    """Show both variants' figures, the effects with their intervals, and every criterion."""
    from phoenix.cli.experiment_view import COMPARE_COLUMNS, comparison_text
    from phoenix.cli.output import write, write_document, write_rows
    from phoenix.cli.recover import opened
    from phoenix.services.views.summaries import criteria_rows, summarise

    summary = summarise(opened().experiments.get(name))
    if output in (Format.JSON, Format.YAML):
        write_document(summary, output)
    elif output is Format.TABLE:
        write(comparison_text(summary))
    else:
        write_rows(criteria_rows(summary), COMPARE_COLUMNS, output)


@app.command()
def stop(name: Reference, reason: Reason = "asked for on the command line") -> int:
    """Ask a running experiment to end; it cleans up and says so. One that waits for approval is declined."""
    from phoenix.cli.experiment_approval import decline_to_the_end
    from phoenix.cli.experiment_run import await_end
    from phoenix.cli.recover import opened

    phoenix = opened()
    waiting = phoenix.experiments.get(name)
    if phoenix.approvals.is_awaited(waiting):
        return decline_to_the_end(phoenix, waiting.id, reason)
    record = phoenix.experiments.stop(name, reason)
    return await_end(phoenix, record.id)


@app.command()
def promote(
    name: Reference,
    variant: Annotated[
        VariantName, typer.Option("--variant", help="Only the candidate, also called B, can be promoted.")
    ] = VariantName.CANDIDATE,
    reason: Reason = "asked for on the command line",
) -> int:
    """Make the candidate of a PROMOTE verdict the active pipeline, stage by stage, and watch it.

    One that waits for approval is approved; one that was only reported is promoted now.
    """
    from phoenix.cli.experiment_approval import approve_to_the_end
    from phoenix.cli.experiment_run import promote_to_the_end
    from phoenix.cli.recover import opened

    phoenix = opened()
    waiting = phoenix.experiments.get(name)
    if phoenix.approvals.is_awaited(waiting) and variant.variant is Variant.CANDIDATE:
        return approve_to_the_end(phoenix, waiting.id, reason)
    return promote_to_the_end(phoenix, name, reason, variant.variant)


@app.command()
def rollback(name: Reference, reason: Reason = "asked for on the command line") -> int:
    """Take a promotion back: on every host, what served before it serves again. Asks nothing."""
    from phoenix.cli.experiment_run import roll_back_to_the_end
    from phoenix.cli.recover import opened

    return roll_back_to_the_end(opened(), name, reason)


@app.command()
def delete(name: Reference) -> None:
    """Forget an experiment that is over: record, history, scrapes, logs and reports."""
    from phoenix.cli.recover import opened

    record = opened().experiments.delete(name)
    typer.echo(f"deleted {record.name} ({record.id})", err=True)
