"""What serves on a host, read back from it and held against the ledger: whatever differs is drift."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from phoenix.adapters.hosts.configs import digest_of
from phoenix.adapters.hosts.marks import revision_number, revision_place
from phoenix.adapters.ports import Host, RunningCollector
from phoenix.domain.deployment import Revision
from phoenix.domain.errors import StateError

Knows = Callable[[str], bool]
"""Whether the ledger has a revision of this owner on the host."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What serves on a host.

    Attributes:
        host: The host's canonical target.
        recorded: What serves by the ledger; None if nothing does.
        running: What the `active` link points at, alive or dead; None without one.
        config: Its configuration as it lies on the host; None where there is none.
        death: Why it does not run, with its last log lines; None while it runs.
        drift: How the host differs from the ledger, one phrase each; empty if it does not.
        edit: A unified diff from the ledger's configuration to the host's; "" where they are the same.
    """

    host: str
    recorded: Revision | None
    running: RunningCollector | None = None
    config: str | None = None
    death: str | None = None
    drift: tuple[str, ...] = ()
    edit: str = ""

    @property
    def number(self) -> int | None:
        return revision_number(self.running.place) if self.running else None


def look(host: Host, recorded: Revision | None, knows: Knows) -> Seen:
    """Read back what serves on `host`; changes nothing.

    Args:
        host: The host.
        recorded: What serves there by the ledger.
        knows: Of the ledger, for that host.
    """
    running = host.active()
    if running is None:
        lost = f"nothing is active where the ledger has revision {recorded.number}" if recorded else ""
        return Seen(host.name, recorded, drift=(lost,) if lost else ())
    config = _config(host, running.place)
    death = host.exit_reason(running.place)
    drift = [*_other_revision(running, recorded, knows)]
    edit = ""
    if config is None:
        drift.append("its configuration is missing on the host")
    elif digest_of(config) != running.digest:
        drift.append("its configuration was edited on the host")
        if recorded is not None and recorded.digest == running.digest:
            edit = unified(recorded.config, config, f"revision {recorded.number}", host.name)
    if death is not None:
        drift.append("its process does not run")
    return Seen(host.name, recorded, running, config, death, tuple(drift), edit)


def unified(before: str, after: str, name_before: str, name_after: str) -> str:
    """The difference of two texts as `diff -u` shows it; "" where there is none."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), name_before, name_after, lineterm=""
    )
    return "\n".join(lines)


def _other_revision(running: RunningCollector, recorded: Revision | None, knows: Knows) -> list[str]:
    number = revision_number(running.place)
    found: list[str] = []
    if recorded is None:
        found.append(f"revision {number} serves where the ledger has none")
    elif running.place != revision_place(recorded.number):
        found.append(f"revision {number} serves where the ledger has revision {recorded.number}")
    elif running.digest != recorded.digest:
        found.append(f"revision {number} has another configuration than in the ledger")
    if running.owner != (recorded.owner if recorded else "") and not knows(running.owner):
        found.append(f"it is of {running.owner}, which this ledger does not know")
    return found


def _config(host: Host, place: str) -> str | None:
    try:
        return host.config(place)
    except StateError:
        return None
