"""The load of a host, kept up by the agent."""

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from phoenix.adapters.hosts.agent_process import AgentProcess, Message
from phoenix.domain.errors import DependencyError
from phoenix.domain.load.run import LoadStatus

READY_SECONDS = 120.0
"""5,000 processes stand after some 3 s; the rest is for a busy host."""


class AgentLoadSession:
    """A `LoadSession`; the agent drops status lines that nobody reads, so asking late is fine."""

    def __init__(self, agent: AgentProcess) -> None:
        self._agent = agent
        self._lock = threading.Lock()
        self._status = LoadStatus(requested=0, achieved=0, spawned=0)

    def await_population(self, timeout: timedelta) -> None:
        """Return once the requested population stands.

        Raises:
            DependencyError: It does not in time, or the agent says why it cannot.
        """
        deadline = time.monotonic() + timeout.total_seconds()
        while True:
            message = self._agent.receive(deadline)
            self._take_in(message)
            if message.get("type") == "ready":
                return
            if message.get("type") == "stopped":
                raise DependencyError(
                    f"the load ended before it stood: {self._status.error}", code="load_ended"
                )

    def status(self) -> LoadStatus:
        """See `LoadSession.status`; the agent's own figures are at most a second old."""
        with self._lock:
            if not self._status.error:
                try:
                    for message in self._agent.drain():
                        self._take_in(message)
                except DependencyError as error:
                    self._end(error.message)
            return self._status

    def _take_in(self, message: Message) -> None:
        fields = cast("Mapping[str, Any]", message)
        if fields.get("type") == "stopped":
            self._end(f"the load ended by itself: {fields.get('reason')}")
        elif fields.get("type") in ("ready", "status"):
            achieved = int(fields["achieved"])
            self._status = LoadStatus(
                requested=int(fields["requested"]),
                achieved=achieved,
                spawned=int(fields.get("spawned_total", achieved)),
            )

    def _end(self, why: str) -> None:
        self._status = replace(self._status, achieved=0, active=0, error=why)
