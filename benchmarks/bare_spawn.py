"""The peer of the load generator: a bare loop that starts the same program by posix_spawn, and does nothing else.

Run as `python -m benchmarks.bare_spawn`: `stand COUNT`, `pace RATE SECONDS` or `flat-out SECONDS`; prints one JSON object.
"""

import json
import math
import os
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from phoenix.agent.load import image

ALIVE = 50
"""Processes that live at the same time where they come and go."""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="phoenix-bench-") as folder:
        path = Path(folder) / "bare"
        path.write_bytes(image.build(os.uname().machine, os.getpid(), image.Behaviour()))
        path.chmod(0o700)
        alive: deque[int] = deque()

        def spawn() -> None:
            alive.append(os.posix_spawn(path, ["bare"], {}))

        try:
            print(json.dumps(COMMANDS[sys.argv[1]](spawn, alive, *map(float, sys.argv[2:]))))
        finally:
            while alive:
                end(alive)


def end(alive: deque[int]) -> None:
    os.kill(alive[0], signal.SIGKILL)
    os.waitpid(alive.popleft(), 0)


def stand(spawn: Callable[[], None], _alive: deque[int], count: float) -> dict[str, float]:
    began = time.monotonic()
    for _ in range(int(count)):
        spawn()
    return {"seconds": time.monotonic() - began}


def pace(spawn: Callable[[], None], alive: deque[int], rate: float, seconds: float) -> dict[str, float]:
    """Each start at its time on one absolute clock."""
    late: list[float] = []
    used, began = time.process_time(), time.monotonic()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        time.sleep(max(0.0, due - time.monotonic()))
        spawn()
        late.append(time.monotonic() - due)
        if len(alive) > ALIVE:
            end(alive)
    cores = (time.process_time() - used) / (time.monotonic() - began)
    return {"p99": sorted(late)[math.ceil(0.99 * len(late)) - 1], "cores": cores}


def flat_out(spawn: Callable[[], None], alive: deque[int], seconds: float) -> dict[str, float]:
    count, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        spawn()
        count += 1
        if len(alive) > ALIVE:
            end(alive)
    return {"rate": count / (time.monotonic() - began)}


COMMANDS = {"stand": stand, "pace": pace, "flat-out": flat_out}

if __name__ == "__main__":
    main()
