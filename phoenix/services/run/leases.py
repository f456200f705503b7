"""Keeps the leases of a run in force, without letting a host that does not answer hold up the others."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import timedelta

from phoenix.adapters.ports import Host, Lease
from phoenix.domain.errors import DependencyError
from phoenix.services.concurrency import AT_ONCE

RENEWALS = 8
"""Within one lifetime: some may fail or come late, and a host is not asked at every scrape of a second."""

_PATIENCE_SECONDS = 1.0


class LeaseKeeper:
    """Renews leases when they are due; for use by one thread."""

    def __init__(self) -> None:
        self._renewed_at: dict[str, float] = {}
        self._under_way: dict[str, Future[None]] = {}
        self._threads: ThreadPoolExecutor | None = None

    def keep(self, hosts: Iterable[Host], leases: Mapping[str, Lease], lifetime: timedelta) -> None:
        """Renew what is due; one that expired meanwhile comes back unless somebody else took the host.

        A host out of reach is asked again at the next look: that nothing is read of it shows in its scrapes.

        Raises:
            StateError: Somebody else took a host.
        """
        now = time.monotonic()
        due = lifetime.total_seconds() / RENEWALS
        begun: list[Future[None]] = []
        for host in hosts:
            name = host.name
            if name not in leases or name in self._under_way:
                continue
            if now - self._renewed_at.setdefault(name, now) >= due:
                self._under_way[name] = self._pool().submit(host.renew, leases[name], lifetime)
                begun.append(self._under_way[name])
        wait(begun, _PATIENCE_SECONDS)
        self._judge(now)

    def _judge(self, now: float) -> None:
        for name in [name for name, renewal in self._under_way.items() if renewal.done()]:
            with suppress(DependencyError):
                self._under_way.pop(name).result()
                self._renewed_at[name] = now

    def _pool(self) -> ThreadPoolExecutor:
        self._threads = self._threads or ThreadPoolExecutor(AT_ONCE, "leases")
        return self._threads
