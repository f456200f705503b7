"""A local host in a folder of its own, and the proof that nothing of it runs after the test."""

import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from phoenix.adapters.hosts.slot_host import SlotHost
from tests.adapters.hosts.support import assert_gone, collector_binary, local_host

ROOT = Path(__file__).parents[3]

Driver = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Generator[Path]:
    yield tmp_path / "host"
    local_host(tmp_path / "host").clear("exp-1")
    assert_gone(tmp_path / "host")


@pytest.fixture
def binary() -> Path:
    return collector_binary()


@pytest.fixture
def host(folder: Path, binary: Path) -> SlotHost:
    return local_host(folder, binary=binary)


@pytest.fixture
def driver(folder: Path, binary: Path) -> Generator[Driver]:
    started: list[subprocess.Popen[str]] = []

    def run(verb: str, *arguments: str) -> "subprocess.Popen[str]":
        command = [
            sys.executable,
            "-m",
            "tests.adapters.hosts.driver",
            verb,
            str(folder),
            str(binary),
            *arguments,
        ]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
