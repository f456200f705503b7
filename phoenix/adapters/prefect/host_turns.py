"""Turns on hosts as slots of Prefect's global concurrency limits, one limit for each host."""

import logging
import socket
import threading
from collections.abc import Sequence
from typing import Any

from phoenix.adapters.prefect.api import PrefectApi
from phoenix.adapters.prefect.names import host_limit
from phoenix.domain.errors import DependencyError

LOG = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
"""After the death of a run its slots are free again: the shortest time that a server gives."""

RENEWAL_SECONDS = 15.0


def give_back(api: PrefectApi, turn: str) -> None:
    """Free the slots of a lease; nothing where it expired or was given back.

    Args:
        api: Of the server.
        turn: Id of the lease.

    Raises:
        DependencyError: The server does not answer.
    """
    api.post("/v2/concurrency_limits/decrement-with-lease", {"lease_id": turn})


class PrefectHostTurns:
    """Slots under one lease that is renewed until it is given back.

    Args:
        api: Of the server; impatient, for the run goes on without an answer.
        flow_run: Id of the flow run that holds them, for people who look.
    """

    def __init__(self, api: PrefectApi, flow_run: str) -> None:
        self._api = api
        self._holder = {"type": "flow_run", "id": flow_run}
        self._lease: str | None = None
        self._over = threading.Event()

    @property
    def turn(self) -> str | None:
        return self._lease

    def take(self, hosts: Sequence[str]) -> bool:
        names = sorted({host_limit(host, socket.gethostname()) for host in hosts})
        for name in names:
            self._ensure(name)
        request: dict[str, Any] = {
            "slots": 1,
            "names": names,
            "mode": "concurrency",
            "lease_duration": LEASE_SECONDS,
            "holder": self._holder,
        }
        try:
            answer = self._api.post("/v2/concurrency_limits/increment-with-lease", request)
        except DependencyError as refusal:
            if refusal.code == "prefect_locked":
                return False
            raise
        if answer is not None:
            self._lease = str(answer.body["lease_id"])
            threading.Thread(target=self._keep, args=(self._lease,), name="host-turns", daemon=True).start()
        return True

    def give_back(self) -> None:
        self._over.set()
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            give_back(self._api, lease)
        except DependencyError as silence:
            LOG.warning("The hosts are given back in Prefect when their lease expires: %s", silence)

    def _ensure(self, name: str) -> None:
        """A limit that a person changed or switched off stays as it is."""
        if self._api.get(f"/v2/concurrency_limits/{name}") is not None:
            return
        try:
            self._api.post("/v2/concurrency_limits/", {"name": name, "limit": 1})
        except DependencyError as refusal:
            if refusal.code != "prefect_conflict":
                raise

    def _keep(self, lease: str) -> None:
        while not self._over.wait(RENEWAL_SECONDS):
            try:
                self._api.post(
                    f"/v2/concurrency_limits/leases/{lease}/renew", {"lease_duration": LEASE_SECONDS}
                )
            except DependencyError as refusal:
                if refusal.code == "prefect_gone":
                    LOG.warning("Prefect gave the hosts to others; their own leases hold: %s", refusal)
                    return
