"""Writes docs/reference.md from the code: `python docs/generate_reference.py`; with --check it only says if it is old."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from phoenix.cli.app import app
from phoenix.cli.exit_codes import ExitCode
from phoenix.domain.metrics import NATURES, Nature
from phoenix.domain.phases import Outcome, Phase
from phoenix.settings import Settings

PAGE = Path(__file__).with_name("reference.md")

HEAD = """\
# Reference

Generated from the code by `python docs/generate_reference.py`; a test holds it current.
"""


def commands(command: Any, path: str = "phoenix") -> Iterator[tuple[str, Any]]:
    """Every command below `command` that is shown, with its words, parents first."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from commands(child, f"{path} {name}")


def reference() -> str:
    """The whole page."""
    parts = [
        HEAD,
        "## Commands\n",
        *(_command(path, command) for path, command in commands(typer.main.get_command(app))),
        "## Exit codes\n",
        _table(("code", "meaning"), [(str(code.value), code.meaning) for code in ExitCode]),
        "## Phases of an experiment\n",
        _table(("phase", "in a word", "meaning"), [(f"`{p}`", p.verb, p.meaning) for p in Phase]),
        "## Outcomes\n",
        _table(("outcome", "meaning"), [(f"`{o}`", o.meaning) for o in Outcome]),
        "## Metrics\n",
        "Of each variant, at each scrape; `objective` and the limits are where an experiment may use them.\n",
        _table(
            ("metric", "unit", "what it is", "may be judged as"),
            [(f"`{metric}`", f"`{n.unit}`", n.help, _judged(n)) for metric, n in NATURES.items()],
        ),
        "## Settings\n",
        _table(
            ("environment", "what it is"),
            [(f"`PHOENIX_{name.upper()}`", f.description or "") for name, f in Settings.model_fields.items()],
        ),
    ]
    return "\n".join(parts)


def _command(path: str, command: Any) -> str:
    lines = [f"### `{path}`\n", f"{' '.join(command.help.split())}\n"]
    rows = [(_words(p), p.help or "", _default(p)) for p in command.params if not p.hidden]
    if rows:
        lines.append(_table(("", "meaning", "if left out"), rows))
    return "\n".join(lines)


def _words(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    value = f" {parameter.metavar}" if parameter.metavar else ""
    return ", ".join(f"`{word}{value}`" for word in parameter.opts)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default in (None, False) or callable(parameter.default):
        return ""
    return f"`{parameter.default}`"


def _judged(nature: Nature) -> str:
    uses = [
        "objective, `maximumIncrease`" if nature.is_ratio_judged else "",
        "`maximum`" if nature.is_ceiling else "",
        "`minimum`" if nature.is_floor else "",
    ]
    return ", ".join(use for use in uses if use) or "reported only"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main() -> int:
    """Write the page, or compare it."""
    text = reference()
    if "--check" in sys.argv[1:]:
        is_current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        if not is_current:
            sys.stderr.write(f"{PAGE} is old: python docs/generate_reference.py\n")
        return 0 if is_current else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
