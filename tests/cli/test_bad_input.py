"""Bad input through the real command: exit code 2 within a second of CPU, every fault named, nothing started."""

import re
import sys
from pathlib import Path

import pytest

from tests.support.commands import metered
from tests.support.experiments import write_spec
from tests.support.leftovers import processes_using
from tests.support.slowness import slowness

CPU_SECONDS = 1.0
"""What a refusal may cost; CPU and not the clock, which on a shared machine tells of the others. A machine that is slower
may take longer in proportion."""

TRIES = 4


@pytest.fixture
def refused(home):
    """Runs a command, sees to it that it refused in time and started nothing; returns what it said."""

    def run(*arguments: str | Path) -> str:
        ended = metered(*arguments)
        assert ended.code == 2, ended.err
        assert ended.out == ""
        # A processor that others use costs more for the same: the best of a few counts.
        tries = (ended if one == 0 else metered(*arguments) for one in range(TRIES))
        assert any(one.cpu_seconds < CPU_SECONDS * slowness() for one in tries)
        assert not home.exists()
        assert not processes_using(home)
        assert "Traceback" not in ended.err
        return ended.err

    return run


@pytest.fixture
def refused_file(refused):
    return lambda path: refused("experiment", "run", "-f", path, "-o", "json")


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "bad.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_missing_file(refused_file, tmp_path):
    assert f"{tmp_path / 'gone.yaml'}: cannot be read: No such file" in refused_file(tmp_path / "gone.yaml")


def test_a_directory(refused_file, tmp_path):
    assert f"{tmp_path}: is not a regular file" in refused_file(tmp_path)


def test_a_file_of_100_megabytes(refused_file, tmp_path):
    path = written(tmp_path, "spec: {}\n")
    with path.open("ab") as file:
        file.truncate(100 * 1024 * 1024)
    assert "104,857,600 bytes" in refused_file(path)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

DOCUMENTS = {
    "empty": ("", "a mapping is expected"),
    "a list": ("- a\n- b\n", "a mapping is expected"),
    "broken YAML": ("spec: [1, {\n", "line 2: did not find expected node content"),
    "an alias bomb": (BOMB, "line 5: more than 10000 values, aliases expanded"),
    "two documents": ("a: 1\n---\nb: 2\n", "holds 2 documents"),
    "binary garbage": (bytes(range(256)) * 40, "is not UTF-8 text (byte 128)"),
    "zero bytes": (b"\0" * 4096, "unacceptable character #x0000"),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_document_that_is_none(refused_file, tmp_path, kind):
    content, words = DOCUMENTS[kind]
    path = written(tmp_path, content)
    said = refused_file(path)
    assert str(path) in said
    assert words in said
    assert "error: :" not in said


def test_duplicate_keys(refused_file, tmp_path):
    text = write_spec(tmp_path).read_text().replace("  warmup: 3\n", "  warmup: 3\n  warmup: 4\n")
    said = refused_file(written(tmp_path, text))
    assert re.search(r"spec\.warmup: line \d+: the key is given twice, first on line \d+", said)


TOPK = "process-topk-v1"
FIELDS = {
    "an unknown pipeline": (
        {"candidate": {"pipeline": "process-topk-v2"}},
        ["spec.candidate.pipeline: ", "did you mean process-topk-v1"],
    ),
    "an unknown parameter": (
        {"candidate": {"pipeline": TOPK, "parameters": {"kk": 4}}},
        ["spec.candidate.parameters.kk: ", "did you mean k?"],
    ),
    "a parameter of the wrong type": (
        {"candidate": {"pipeline": TOPK, "parameters": {"k": "many"}}},
        ["spec.candidate.parameters.k: ", "a whole number is needed"],
    ),
    "a parameter out of bounds": (
        {"candidate": {"pipeline": TOPK, "parameters": {"k": 0}}},
        ["spec.candidate.parameters.k: ", "at least 1"],
    ),
    "a candidate's file that is not there": (
        {"candidate": {"file": "gone.yaml"}},
        ["spec.candidate.file: cannot be read"],
    ),
    "a wrong type": ({"warmup": "three"}, ["spec.warmup: ", "'three'"]),
    "an unknown target": ({"targets": ["web-1"]}, ["spec.targets[0]: No target is saved as 'web-1'"]),
    "an unknown target scheme": (
        {"targets": ["local", "ftp://web"]},
        ["spec.targets[1]: 'ftp://' names no target", "local://NAME"],
    ),
    "a negative interval": ({"scrapeInterval": "-1s"}, ["spec.scrapeInterval: '-1s' is not a duration"]),
    "an unknown field": (
        {"critcalProcesses": ["^nginx$"]},
        ["spec.critcalProcesses: ", "did you mean 'criticalProcesses'?"],
    ),
    "an objective above 1": (
        {"objective": {"metric": "series", "minimumReduction": 1.5}},
        ["spec.objective.minimumReduction: ", "below 1"],
    ),
    "retention of nothing": (
        {"criticalProcesses": None},
        ["spec.guardrails: ", "critical_retention guards nothing"],
    ),
    "a run that does not fit into its time": (
        {"scrapeInterval": "1s", "maximumDuration": "20s"},
        ["spec.maximumDuration: ", "warmup + minimumScrapes take 27s"],
    ),
    "an unknown load profile": (
        {"load": {"profile": "heavy"}},
        ["spec.load.profile: ", "known are custom, high-cardinality, process-churn, realistic"],
    ),
    "too many processes": (
        {"load": {"profile": "realistic", "processes": 5001}},
        ["spec.load.processes: ", "write at most 5000"],
    ),
    "a load's setting that leads nowhere": (
        {"load": {"profile": "custom", "settings": {"cpu.shap": "spiky"}}},
        ["spec.load.settings.cpu.shap: ", "did you mean shape"],
    ),
    "churn of a profile without any": (
        {"load": {"profile": "custom", "churnRate": 5}},
        ["spec.load.churnRate: ", "such as process-churn"],
    ),
    "a load profile's file that is not there": (
        {"load": {"profile": "./gone.yaml"}},
        ["spec.load.profile: ", "gone.yaml: cannot be read: No such file"],
    ),
    "a pattern that two languages read differently": (
        {"criticalProcesses": ["^nginx$", "(?=x)"]},
        ["spec.criticalProcesses: ", "(?=x)"],
    ),
}


@pytest.mark.parametrize("fault", FIELDS)
def test_a_wrong_field_is_named_with_its_path(refused_file, tmp_path, fault):
    changes, expected = FIELDS[fault]
    said = refused_file(write_spec(tmp_path, **changes))
    for words in expected:
        assert words in said


def test_every_fault_is_named_at_once(refused_file, tmp_path):
    faults = {
        "warmup": "three",
        "alpha": 2,
        "colour": "red",
        "baseline": {"pipeline": TOPK, "parameters": {"k": -1, "z": 1}},
        "candidate": {"pipeline": "nope"},
        "targets": ["local", "ftp://web"],
        "load": {"profile": "heavy"},
        "criticalProcesses": None,
    }
    said = refused_file(write_spec(tmp_path, **faults))
    places = re.findall(r"^  error: ([^:]+): ", said, re.MULTILINE)
    assert sorted(places) == [
        "spec.alpha",
        "spec.baseline.parameters.k",
        "spec.baseline.parameters.z",
        "spec.candidate.pipeline",
        "spec.colour",
        "spec.guardrails",
        "spec.load.profile",
        "spec.targets[1]",
        "spec.warmup",
    ]


def test_a_program_given_by_mistake(refused_file):
    assert "is not UTF-8 text" in refused_file(Path(sys.executable).resolve())


USAGE = {
    "an unknown command": (("bogus",), "'bogus'"),
    "an unknown verb": (("experiment", "bogus"), "'bogus'"),
    "an unknown option": (("experiment", "list", "--bogus"), "--bogus"),
    "a format that does not exist": (("experiment", "compare", "x", "-o", "xml"), "'xml'"),
    "a file without its option": (("experiment", "run", "spec.yaml"), "--file"),
    "no file": (("experiment", "run"), "--file"),
    "no name": (("experiment", "status"), "NAME"),
    "no arguments": ((), "Usage: phoenix"),
    "no verb": (("experiment",), "Usage: phoenix experiment"),
}


@pytest.mark.parametrize("misuse", USAGE)
def test_wrong_usage(refused, misuse):
    arguments, words = USAGE[misuse]
    said = refused(*arguments)
    assert words in said
    assert not said.startswith("phoenix: Usage")


@pytest.mark.parametrize("form", ["csv", "markdown"])
@pytest.mark.parametrize("command", ["run", "status"])
def test_a_format_that_the_command_does_not_write(refused, tmp_path, command, form):
    what = ("-f", write_spec(tmp_path)) if command == "run" else ("quick",)
    assert form in refused("experiment", command, *what, "-o", form)
