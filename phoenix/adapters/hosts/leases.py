"""Who may change a host: a lease with an expiry, and a counter that lets the host refuse whoever came before."""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from phoenix.adapters.machines.machine import Machine
from phoenix.adapters.ports import Lease
from phoenix.domain.errors import DependencyError, StateError


@dataclass(frozen=True, slots=True)
class _Entry:
    """The lease file.

    Attributes:
        expires: Wall clock, s since the epoch: it must mean the same to every process, and after a reboot.
    """

    holder: str
    fence: int
    expires: float

    @property
    def is_in_force(self) -> bool:
        return time.time() < self.expires


class LeaseFile:
    """The lease of the host in `folder`, and its counter, which no removal of the lease sets back."""

    def __init__(self, machine: Machine, host: str, folder: Path) -> None:
        self._machine = machine
        self._host = host
        self._folder = folder
        self._path = folder / "lease.json"
        self._fence = folder / "fence"

    def acquire(self, holder: str, lifetime: timedelta) -> Lease:
        """Give the lease to `holder` if it is free, expired or theirs already."""
        with self._machine.locked(self._folder):
            entry = self._read()
            if entry and entry.is_in_force and entry.holder != holder:
                raise self._taken(entry)
            is_theirs = entry is not None and entry.holder == holder and entry.is_in_force
            fence = entry.fence if entry and is_theirs else self._next_fence()
            return self._write(holder, fence, lifetime)

    def renew(self, lease: Lease, lifetime: timedelta) -> None:
        """Extend `lease`; also an expired one, as long as nobody else took the host."""
        with self._machine.locked(self._folder):
            self._demand(lease, self._read(), may_be_expired=True)
            self._write(lease.holder, lease.fence, lifetime)

    def release(self, holder: str) -> None:
        """Give the host back; the lease of anybody else stays."""
        if self._machine.read(self._path) is None:
            return
        with self._machine.locked(self._folder):
            entry = self._read()
            if entry and entry.holder == holder:
                self._machine.remove(self._path)

    def current(self) -> Lease | None:
        entry = self._read()
        return self._lease(entry) if entry and entry.is_in_force else None

    def holder(self) -> str | None:
        """Whom the lease file names, expired or not."""
        entry = self._read()
        return entry.holder if entry else None

    def check(self, lease: Lease) -> None:
        """Refuse whoever does not hold the host now.

        Raises:
            StateError: `lease` is outdated, expired or given back.
        """
        self._demand(lease, self._read(), may_be_expired=False)

    def _demand(self, lease: Lease, entry: _Entry | None, *, may_be_expired: bool) -> None:
        is_theirs = entry is not None and (entry.holder, entry.fence) == (lease.holder, lease.fence)
        if is_theirs and entry and (may_be_expired or entry.is_in_force):
            return
        why = "it expired" if is_theirs else "the host was given back or taken over"
        raise StateError(
            f"the lease of {lease.holder} on {self._host} is outdated: {why}",
            code="lease_outdated",
            hint=f"run `phoenix recover`, then start {lease.holder} again",
            details={"holder": lease.holder, "fence": lease.fence, "now": entry.holder if entry else None},
        )

    def _taken(self, entry: _Entry) -> StateError:
        until = datetime.fromtimestamp(entry.expires, UTC).isoformat(timespec="seconds")
        return StateError(
            f"{self._host} is held by {entry.holder} until {until}",
            code="host_taken",
            hint=f"wait, or `phoenix experiment stop {entry.holder}`; if it is dead, `phoenix recover`",
            details={"holder": entry.holder, "until": until},
        )

    def _next_fence(self) -> int:
        """Counted up and made durable before any lease carries it, so that no crash makes two holders equal."""
        try:
            fence = int(self._machine.read(self._fence) or "0") + 1
        except ValueError as error:
            raise self._damaged(self._fence) from error
        self._machine.write(self._fence, f"{fence}\n")
        return fence

    def _write(self, holder: str, fence: int, lifetime: timedelta) -> Lease:
        entry = _Entry(holder, fence, time.time() + lifetime.total_seconds())
        self._machine.write(self._path, json.dumps(asdict(entry)) + "\n")
        return self._lease(entry)

    def _lease(self, entry: _Entry) -> Lease:
        return Lease(self._host, entry.holder, entry.fence)

    def _read(self) -> _Entry | None:
        text = self._machine.read(self._path)
        if text is None:
            return None
        try:
            return _Entry(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise self._damaged(self._path) from error

    def _damaged(self, path: Path) -> DependencyError:
        return DependencyError(
            f"{path} is damaged",
            code="damaged_file",
            hint="make sure that no experiment runs on this host, then remove the file",
        )
