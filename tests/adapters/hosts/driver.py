"""A control plane to be killed: does one thing, says `ready` and waits. Run as a child process by the tests."""

import signal
import sys
from datetime import timedelta
from pathlib import Path

from phoenix.adapters.hosts.slot_host import SlotHost
from phoenix.domain.errors import StateError
from tests.adapters.hosts.support import IDLE_LOAD, LONG, launch, local_host


def say(word: str) -> None:
    print(word, flush=True)


def start(host: SlotHost, seconds: str) -> None:
    lease = host.acquire("exp-1", LONG)
    say("about")
    host.start_collector("baseline", launch(lifetime=timedelta(seconds=float(seconds))), lease)
    say("ready")
    signal.pause()


def clear(host: SlotHost) -> None:
    say("about")
    host.clear("exp-1")
    signal.pause()


def sessions(host: SlotHost) -> None:
    with host.open_census("exp-1", LONG) as census, host.start_load("exp-1", IDLE_LOAD, LONG):
        census.take([], LONG)
        say("ready")
        signal.pause()


def capped_load(host: SlotHost) -> None:
    limits = {"processes": 50, "memory_bytes": 1 << 30, "cpu_cores": 1}
    with host.start_load("exp-1", {**IDLE_LOAD, "limits": limits}, LONG):
        say("ready")
        signal.pause()


def race(host: SlotHost, holder: str, rounds: str) -> None:
    """Take the host `rounds` times, against whoever else does; say each fence that was given."""
    taken = 0
    while taken < int(rounds):
        try:
            lease = host.acquire(holder, LONG)
        except StateError:
            continue
        taken += 1
        say(f"{lease.fence} taken {holder}")
        say(f"{lease.fence} freed {holder}")
        host.release(holder)


def readers(host: SlotHost, until: str) -> None:
    """Look at the active revision until told to end; say what was wrong."""
    say("ready")
    looks = 0
    while not Path(until).exists():
        looks += 1
        active = host.active()
        if active is None or host.collector(active.place) is None:
            say(f"wrong: {active}")
    say(f"looks {looks}")


if __name__ == "__main__":
    verb, folder, binary, *rest = sys.argv[1:]
    VERBS = (start, clear, sessions, capped_load, race, readers)
    {one.__name__: one for one in VERBS}[verb](local_host(Path(folder), binary=Path(binary)), *rest)
