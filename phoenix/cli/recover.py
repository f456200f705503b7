"""`phoenix recover`, and the recovery that every command about experiments begins with."""

from typing import TYPE_CHECKING

import typer

from phoenix.cli.output import Format, FormatOption

if TYPE_CHECKING:
    from phoenix.composition import Phoenix

COLUMNS = ("name", "experiment", "found", "ended", "what")


def recover(output: FormatOption = Format.TABLE) -> int:
    """Repair what lost drivers left: clean the hosts, end the experiments. Safe at any time, twice is once."""
    from phoenix.cli.exit_codes import ExitCode
    from phoenix.cli.output import write_document, write_rows
    from phoenix.composition import compose

    repairs = compose().recovery.recover()
    rows = [
        {
            "name": repair.name,
            "experiment": repair.experiment,
            "found": repair.phase.value,
            "ended": repair.ended.value if repair.ended else None,
            "what": repair.words,
        }
        for repair in repairs
    ]
    if output in (Format.JSON, Format.YAML):
        write_document(rows, output)
    elif rows:
        write_rows(rows, COLUMNS, output)
    else:
        typer.echo("nothing to recover", err=True)
    return ExitCode.OUTSIDE_FAILED if any(repair.failed for repair in repairs) else ExitCode.DONE


def opened() -> "Phoenix":
    """The services, after lost experiments were repaired."""
    from phoenix.composition import compose

    return opened_by(compose())


def opened_by(phoenix: "Phoenix") -> "Phoenix":
    """Repair lost experiments first; what is repaired is said on standard error."""
    for repair in phoenix.recovery.recover(wait_for_stopping=False):
        if repair.ended or repair.failed:
            typer.echo(f"recovered {repair.name} ({repair.experiment}): {repair.words}", err=True)
    return phoenix
