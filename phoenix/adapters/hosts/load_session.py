"""The load of a host, kept up by the agent."""

import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from phoenix.adapters.hosts.agent_process import AgentProcess, Message
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError, StateError
from phoenix.domain.load.run import LoadStatus

READY_SECONDS = 120.0
"""5,000 processes stand after some 3 s; the rest is for a busy host."""

SILENCE = timedelta(seconds=20)
"""After so long without a word from us the generator ends: of a network that is cut a host hears nothing else."""

_BEAT_SECONDS = 4.0
_SEND_SECONDS = 10.0

_ASKED_WRONGLY = frozenset({"bad_request"})
_NOT_ALLOWED = {
    "not_enough_memory": "ask for fewer processes or less memory, or for another host",
    "not_enough_cpu": "ask for fewer busy processes, or for another host",
    "too_many_processes": "ask for fewer processes, or raise that limit on the host",
    "unknown_user": "create the user there, or leave `user` out of the profile",
    "not_permitted": "reach the host as root, or leave `user` out of the profile",
    "port_taken": "choose another --metrics-port, or 0 for any free one",
    "unsupported_machine": "simulated processes run on x86-64 and arm64",
}
"""What the agent says of a host that does not allow the load, and what to do about it."""


class AgentLoadSession:
    """A `LoadSession`; the agent drops status lines that nobody reads, so asking late is fine."""

    def __init__(self, agent: AgentProcess) -> None:
        self._agent = agent
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._status = LoadStatus(requested=0, achieved=0, spawned=0)

    def begin(self, start: Mapping[str, object], timeout: timedelta) -> None:
        """Have the processes started, and return once they stand.

        Raises:
            SpecError: The request is one that no host can serve.
            StateError: This host does not allow it; nothing was started.
            DependencyError: They do not stand in time, or the agent says why they cannot.
        """
        deadline = time.monotonic() + timeout.total_seconds()
        try:
            with self._sending:
                self._agent.send(deadline, "start", silence_seconds=SILENCE.total_seconds(), **start)
            self._await_population(deadline)
        except DependencyError as refused:
            raise _refusal(refused) from refused

    @contextmanager
    def beating(self) -> Generator[None]:
        """Say regularly that we live, as long as the context is open."""
        over = threading.Event()
        thread = threading.Thread(target=self._beat, args=(over,), name="load-beat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def status(self) -> LoadStatus:
        """See `LoadSession.status`; the agent's own figures are at most a second old."""
        with self._lock:
            if not self._status.error:
                try:
                    for message in self._agent.drain():
                        self._take_in(message)
                except DependencyError as error:
                    self._end(f"{error.message}; {error.hint}" if error.hint else error.message)
            return self._status

    def _await_population(self, deadline: float) -> None:
        while True:
            try:
                message = self._agent.receive(deadline)
            except DependencyError as error:
                if error.code == "agent_timeout" and self._status.requested:
                    raise self._short_of() from error
                raise
            self._take_in(message)
            if message.get("type") == "ready":
                return
            if message.get("type") == "stopped":
                raise DependencyError(
                    f"the load ended before it stood: {self._status.error}", code="load_ended"
                )

    def _short_of(self) -> DependencyError:
        found = self._status
        return DependencyError(
            f"only {found.achieved} of {found.requested} processes stand after {READY_SECONDS:g} s",
            code="load_incomplete",
            hint="something on the host ends them, or it is too busy to start them",
        )

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(_BEAT_SECONDS):
            try:
                with self._sending:
                    self._agent.send(time.monotonic() + _SEND_SECONDS, "beat")
            except DependencyError:
                return  # its end is told by whoever asks for the status

    def _take_in(self, message: Message) -> None:
        fields = cast("Mapping[str, Any]", message)
        if fields.get("type") == "stopped":
            self._end(f"the load ended by itself: {fields.get('reason')}")
        elif fields.get("type") in ("ready", "status"):
            self._status = _status_of(fields, self._status)

    def _end(self, why: str) -> None:
        if not self._status.error:  # what came first says most
            self._status = replace(self._status, achieved=0, active=0, error=why)


def _status_of(fields: Mapping[str, Any], before: LoadStatus) -> LoadStatus:
    return LoadStatus(
        requested=fields["requested"],
        achieved=fields["achieved"],
        spawned=fields["spawned_total"],
        active=fields["active"],
        requested_rate=fields["requested_rate"],
        achieved_rate=fields["achieved_rate"],
        exited=fields["exited_total"],
        restarts=fields["restarts"],
        died=fields["died_total"],
        lateness_p50=fields["lateness_p50_s"],
        lateness_p99=fields["lateness_p99_s"],
        agent_cpu_seconds=fields["agent_cpu_s"],
        elapsed_seconds=fields["elapsed_s"],
        cpu_cores=fields["cpu_cores"],
        memory_bytes=fields["rss_bytes"],
        contained_by=fields.get("contained_by", before.contained_by),
        capped=tuple(fields.get("capped", before.capped)),
        metrics_url=fields.get("metrics_url", before.metrics_url),
    )


def _refusal(error: DependencyError) -> PhoenixError:
    """What the agent refused, as an error of whoever can act on it."""
    if error.code in _ASKED_WRONGLY:
        return SpecError(error.message, code=error.code, hint=error.hint)
    if error.code in _NOT_ALLOWED:
        return StateError(error.message, code=error.code, hint=_NOT_ALLOWED[error.code])
    return error
