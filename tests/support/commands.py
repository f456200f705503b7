"""The `phoenix` command in a process of its own, with what it cost."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.experiments import PHOENIX


@dataclass(frozen=True, slots=True)
class Metered:
    """How a command ended.

    Attributes:
        cpu_seconds: User and system time, s, of the command and of the children it waited for.
    """

    code: int
    out: str
    err: str
    cpu_seconds: float


def metered(*arguments: str | Path) -> Metered:
    """Run a command to its end; files and no pipes, for nobody reads while it is waited for."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([PHOENIX, *map(str, arguments)], stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return Metered(process.returncode, _text(out), _text(err), usage.ru_utime + usage.ru_stime)


def _text(file) -> str:
    file.seek(0)
    return file.read().decode()
