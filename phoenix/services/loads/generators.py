"""The generators of one load run on all its hosts: started at once, looked at, ended at once."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

from phoenix.adapters.ports import Host, LoadSession
from phoenix.domain.load.run import LoadStatus
from phoenix.services.concurrency import AT_ONCE, everywhere

_BREAK_OFF_SECONDS = 0.5
"""Between two attempts to end a generator that is still starting: it may have been on its way to the host."""


@dataclass
class _Generator:
    """One host's.

    Attributes:
        session: None until it stands.
        starting: Ends when it stands or does not.
    """

    target: str
    host: Host
    stack: ExitStack = field(default_factory=ExitStack)
    session: LoadSession | None = None
    starting: Future[None] = field(default_factory=Future[None])


class Generators:
    """The generators of a load run.

    Unlike `open_everywhere`, a host whose load stands is looked at while the others still start: its generator ends
    when it hears nothing of us.

    Args:
        owner: Id of the run.
        hosts: By target.
        on_change: Called from other threads when a host's load stands or does not.
    """

    def __init__(self, owner: str, hosts: Mapping[str, Host], on_change: Callable[[], None]) -> None:
        self._owner = owner
        self._all = [_Generator(target, host) for target, host in hosts.items()]
        self._on_change = on_change
        self._threads = ThreadPoolExecutor(max(1, min(AT_ONCE, len(self._all))), "load")

    def start(self, request: Mapping[str, object], lifetime: timedelta) -> None:
        """Begin everywhere; returns at once."""

        def begin(one: _Generator) -> None:
            one.session = one.stack.enter_context(one.host.start_load(self._owner, request, lifetime))

        for one in self._all:
            one.starting = self._threads.submit(begin, one)
            one.starting.add_done_callback(lambda _: self._on_change())

    @property
    def stand(self) -> bool:
        """Whether every host carries what was asked for."""
        return all(one.session is not None for one in self._all)

    def refusal(self) -> tuple[str, Exception] | None:
        """The first host, in their order, whose load did not come to stand, and why."""
        for one in self._all:
            fault = one.starting.exception() if one.starting.done() else None
            if isinstance(fault, Exception):
                return one.target, fault
            if fault is not None:
                raise fault
        return None

    def statuses(self) -> dict[str, LoadStatus]:
        """By target, of those that stand."""
        return {one.target: one.session.status() for one in self._all if one.session is not None}

    def close(self) -> None:
        """End every generator; whoever cleans up finds what could not be ended."""
        everywhere(self._all, self._end)
        self._threads.shutdown()

    def _end(self, one: _Generator) -> None:
        while not one.starting.done() and not one.starting.cancel():
            # What waits for it to stand hears of its death at once.
            everywhere([one.host], lambda host: host.clear(self._owner))
            wait([one.starting], _BREAK_OFF_SECONDS)
        one.stack.close()
