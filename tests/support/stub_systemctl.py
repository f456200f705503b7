"""A stand-in for systemctl: keeps one unit running as its file says, without sandbox and without restarts.

PHOENIX_STUB names its folder: `units` is where unit files lie, `calls` gets a line for every call, `pid` names what
runs, `enabled` is there while the unit is enabled.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

FOLDER = Path(os.environ["PHOENIX_STUB"])
PID = FOLDER / "pid"
ENABLED = FOLDER / "enabled"
STOP_SECONDS = 10


def running() -> int | None:
    """The process of the unit, if it lives."""
    try:
        pid = int(PID.read_text())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else pid


def stop() -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while (pid := running()) is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.05)


def start(unit: str) -> int:
    text = (FOLDER / "units" / unit).read_text()
    environ = {"PATH": os.environ["PATH"]}
    for quoted in re.findall(r'^Environment="(.*)"$', text, re.MULTILINE):
        name, _, value = quoted.partition("=")
        environ[name] = value
    for optional, path in re.findall(r"^EnvironmentFile=(-?)(.*)$", text, re.MULTILINE):
        if not optional or Path(path).exists():
            lines = Path(path).read_text().splitlines()
            environ |= dict(line.split("=", 1) for line in lines if "=" in line)
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    with (FOLDER / "log").open("a") as log:
        process = subprocess.Popen(
            shlex.split(command),
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    PID.write_text(str(process.pid))
    return 0


def _restarts() -> int:
    """One more each time somebody asks about a dead unit, and never less: systemd does not count anew at every start."""
    counter = FOLDER / "restarts"
    count = int(counter.read_text()) if counter.exists() else 5
    if not running():
        count += 1
    counter.write_text(str(count))
    return count


def main(arguments: list[str]) -> int:
    """Do what systemctl would."""
    with (FOLDER / "calls").open("a") as calls:
        calls.write(" ".join(arguments) + "\n")
    match [one for one in arguments if one not in ("--quiet", "--now")]:
        case ["daemon-reload"]:
            return 0
        case ["enable", unit]:
            ENABLED.write_text(unit)
            return 0
        case ["disable", _]:
            ENABLED.unlink(missing_ok=True)
            stop()
            return 0
        case ["restart", unit]:
            stop()
            return start(unit)
        case ["is-active", _]:
            return 0 if running() else 3
        case ["show", *_]:
            sys.stdout.write(f"{_restarts()}\n")
            return 0
        case _:
            return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
