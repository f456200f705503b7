"""Who may change a host: a lease with an expiry, and a counter that lets the host refuse whoever came before."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from phoenix.adapters.machines.machine import Machine, Text
from phoenix.adapters.ports import Lease
from phoenix.domain.errors import DependencyError, StateError


@dataclass(frozen=True, slots=True)
class _Entry:
    """The lease file.

    Attributes:
        expires: Wall clock of the machine, s since the epoch: it must mean the same to every process, wherever it
            runs, and after a reboot.
    """

    holder: str
    fence: int
    expires: float

    def is_in_force(self, now: float) -> bool:
        return now < self.expires


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
            text, counted = self._machine.read_all(self._path, self._fence)
            entry = self._entry_in(text)
            held = entry if entry and entry.is_in_force(self._machine.now()) else None
            if held is None:
                return self._write(holder, self._following(counted), lifetime, is_new=True)
            if held.holder != holder:
                raise self._taken(held)
            return self._write(holder, held.fence, lifetime)

    def renew(self, lease: Lease, lifetime: timedelta) -> None:
        """Extend `lease`; also an expired one, as long as nobody else took the host."""
        with self._machine.locked(self._folder):
            self._demand(lease, self._read(), may_be_expired=True)
            self._write(lease.holder, lease.fence, lifetime)

    def release(self, holder: str) -> None:
        """Give the host back; the lease of anybody else stays."""
        if self.holder() != holder:
            return
        with self._machine.locked(self._folder):
            self._machine.remove(*self.held_by(holder))

    def held_by(self, holder: str) -> list[Path]:
        """What is to be removed to give the host back; nothing if it is not theirs. The caller holds the lock."""
        return [self._path] if self.holder() == holder else []

    def current(self) -> Lease | None:
        entry = self._read()
        return self._lease(entry) if entry and entry.is_in_force(self._machine.now()) else None

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
        if is_theirs and entry and (may_be_expired or entry.is_in_force(self._machine.now())):
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

    def _following(self, counted: str | None) -> int:
        try:
            return int(counted or "0") + 1
        except ValueError as error:
            raise self._damaged(self._fence) from error

    def _write(self, holder: str, fence: int, lifetime: timedelta, *, is_new: bool = False) -> Lease:
        """The counter goes first, so that no crash makes two holders equal."""
        entry = _Entry(holder, fence, self._machine.now() + lifetime.total_seconds())
        counter = [Text(self._fence, f"{fence}\n")] if is_new else []
        self._machine.change([*counter, Text(self._path, json.dumps(asdict(entry)) + "\n")])
        return self._lease(entry)

    def _lease(self, entry: _Entry) -> Lease:
        return Lease(self._host, entry.holder, entry.fence)

    def _read(self) -> _Entry | None:
        return self._entry_in(self._machine.read(self._path))

    def _entry_in(self, text: str | None) -> _Entry | None:
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
