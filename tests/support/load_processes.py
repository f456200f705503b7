"""The processes of load runs, by the kernel's table and the mark in their environment, not by what anybody counted."""

import os
import shutil
import signal
import subprocess
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoenix.composition import compose
from phoenix.domain.load.run import LoadRun
from tests.support.inline import inline
from tests.support.waiting import eventually

GONE_SECONDS = 2.0
"""How long anything of a load may outlive what ended it."""

KEEPER = b"phoenix.keeper"


@dataclass(frozen=True)
class Marked:
    """A process that carries a run's mark.

    Attributes:
        name: As the table shows it, at most 15 characters.
        is_generator: Whether it is of what makes the others.
    """

    pid: int
    name: str
    is_generator: bool


def marked(load: str) -> list[Marked]:
    """Everything that carries the mark of a load run."""
    mark = f"PHOENIX_OWNER={load}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or folder.name == str(os.getpid()):
            continue
        with suppress(OSError):
            environment = (folder / "environ").read_bytes().split(b"\0")
            if mark in environment:
                name = (folder / "comm").read_text(errors="replace").rstrip("\n")
                is_generator = b"PHOENIX_PLACE=load" in environment
                found.append(Marked(int(folder.name), name, is_generator))
    return found


def simulated(load: str) -> Counter[str]:
    """How many simulated processes of each name there are."""
    return Counter(one.name for one in marked(load) if not one.is_generator)


def generators(load: str) -> list[int]:
    """The processes that make the others, in the order in which they were started; not `timeout`, which waits only."""
    return sorted(one.pid for one in marked(load) if one.is_generator and one.name != "timeout")


def planned(run: LoadRun | dict[str, Any]) -> Counter[str]:
    """How many processes of each name a run's request asks for, as the table shows them."""
    request = run.request if isinstance(run, LoadRun) else run
    names: Counter[str] = Counter()
    for pattern in request["patterns"]:
        for number in range(pattern["count"]):
            names[pattern["name"].replace("{n}", f"{number:04d}")[:15]] += 1
    return names


def keeper(load: str) -> int | None:
    """The process that keeps a run; None if there is none."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if KEEPER in words and load.encode() in words:
                    return int(folder.name)
    return None


def started(*arguments: str, duration: str = "5m", processes: int = 12) -> LoadRun:
    """A load of this machine that stands; `custom` has no churn, so its number is exact at every moment."""
    done = inline(
        "loadsim", "start", "--profile", "custom", "--process-count", str(processes), "-d", duration,
        *arguments, "-o", "json",
    )  # fmt: skip
    assert done.code == 0, done.err
    return compose().loads.get(done.document["id"])


def kill(number: signal.Signals, *pids: int | None) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid or 0, number)


def assert_gone(load: str) -> None:
    """Nothing of a run is left, within the time there is for that."""
    eventually(lambda: not marked(load), seconds=GONE_SECONDS, what=f"no process of {load}: {marked(load)}")


def over(load: str, seconds: float = 30) -> LoadRun:
    """The run, once it is over."""
    return eventually(
        lambda: run if (run := compose().loads.get(load)).is_over else None,
        seconds=seconds,
        what=f"{load} is over",
    )


class Bystander:
    """A process of somebody else's, with a name that the load's processes have too."""

    def __init__(self, folder: Path, name: str, *arguments: str) -> None:
        program = folder / name
        shutil.copy("/bin/sh", program)
        self.process = subprocess.Popen(
            # A shell that waits takes any arguments.
            [program, "-c", "read forever", *arguments],
            env={"PHOENIX_OWNER_OF": "somebody"},
            stdin=subprocess.PIPE,
        )

    def assert_lives(self) -> None:
        assert self.process.poll() is None
        assert Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] in "SR"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
