"""Every command, option, exit code, phase, outcome, metric and setting has words, and docs/reference.md has them all."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from phoenix.cli.app import app
from phoenix.cli.exit_codes import BY_ACTOR, ExitCode
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError, StateError
from phoenix.domain.metrics import NATURES
from phoenix.domain.phases import Outcome, Phase
from phoenix.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def tree(command=None, path=("phoenix",)):
    """Every command, hidden ones too, with the words that lead to it."""
    command = command or typer.main.get_command(app)
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from tree(child, (*path, name))


COMMANDS = dict(tree())
NAMES = [" ".join(path) for path in COMMANDS]


def test_the_reference_is_current():
    checked = subprocess.run(
        [sys.executable, DOCS / "generate_reference.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("path", COMMANDS, ids=NAMES)
def test_a_command_and_its_options_have_help(path):
    command = COMMANDS[path]
    assert re.match(r"[A-Z].*[.?]", command.help, re.DOTALL)
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.name.endswith("_completion"):
            continue
        assert parameter.help, f"{parameter.name} of {' '.join(path)}"


@pytest.mark.parametrize("path", COMMANDS, ids=NAMES)
def test_f_is_the_file_in_every_command(path):
    for parameter in COMMANDS[path].params:
        if "-f" in parameter.opts:
            assert "--file" in parameter.opts


@pytest.fixture(scope="module")
def reference() -> str:
    return (DOCS / "reference.md").read_text(encoding="utf-8")


def test_the_reference_names_everything(reference):
    shown = [" ".join(path) for path in COMMANDS if "exp" not in path]
    assert [name for name in shown if f"### `{name}`" not in reference] == []
    rows = [
        *(f"| {code.value} | {code.meaning} |" for code in ExitCode),
        *(f"| `{phase}` | {phase.verb} | {phase.meaning} |" for phase in Phase),
        *(f"| `{outcome}` | {outcome.meaning} |" for outcome in Outcome),
        *(f"| `{metric}` | `{nature.unit}` | {nature.help} |" for metric, nature in NATURES.items()),
        *(f"| `PHOENIX_{name.upper()}` |" for name in Settings.model_fields),
    ]
    assert [row for row in rows if row not in reference] == []


def test_every_kind_of_error_has_an_exit_code():
    kinds = (PhoenixError, SpecError, StateError, DependencyError)
    assert {BY_ACTOR[kind.actor] for kind in kinds} == {
        ExitCode.UNEXPECTED,
        ExitCode.INVALID,
        ExitCode.NOT_POSSIBLE,
        ExitCode.OUTSIDE_FAILED,
    }
