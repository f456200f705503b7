"""How data leaves the command line: one format option, one writer."""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    MARKDOWN = "markdown"


FormatOption = Annotated[Format, typer.Option("--output", "-o", help="How to write the answer.")]


def _refuse_rows(form: Format) -> Format:
    if form in (Format.CSV, Format.MARKDOWN):
        raise typer.BadParameter(
            f"{form.value!r} is for tables; this answer is written as table, json or yaml"
        )
    return form


DocumentOption = Annotated[
    Format,
    typer.Option(
        "--output", "-o", callback=_refuse_rows, help="How to write the answer: table, json or yaml."
    ),
]
"""For an answer that is one object and no rows."""


def write(text: str) -> None:
    """Data goes to standard output, with one line end."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def write_document(document: object, form: Format) -> None:
    """A whole object, as JSON or YAML."""
    if form is Format.YAML:
        from phoenix.adapters.yaml.documents import dump_yaml

        write(dump_yaml(document))
    else:
        write(json.dumps(document, indent=2))


def write_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], form: Format) -> None:
    """A table as CSV, Markdown, or aligned text."""
    if form is Format.CSV:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        write(buffer.getvalue())
    elif form is Format.MARKDOWN:
        lines = [columns, ["---"] * len(columns), *([cell(row.get(c)) for c in columns] for row in rows)]
        write("\n".join("| " + " | ".join(line) + " |" for line in lines))
    else:
        _write_table(rows, columns)


def _write_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    cells = [[c.upper() for c in columns], *([cell(row.get(c)) for c in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    write(
        "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells)
    )


def cell(value: object) -> str:
    """A value for people: missing is a dash, numbers have at most four significant digits."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return str(value)
