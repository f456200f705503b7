"""A machine that falls silent: as the one who speaks to it sees a cut connection, or as a killed control plane leaves it."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from phoenix.adapters.machines.machine import Machine
from phoenix.domain.errors import DependencyError

NEVER = 10**9


class MortalMachine:
    """Does what the other one does, up to some verb; after that nothing.

    Args:
        machine: The other one.
        after: Verbs that it still does.
    """

    def __init__(self, machine: Machine, after: int = NEVER) -> None:
        self._machine = machine
        self._after = after
        self.done = 0

    @property
    def is_dead(self) -> bool:
        return self.done > self._after

    @contextmanager
    def locked(self, folder: Path) -> Generator[None]:
        """A lock that is held is freed by whoever dies."""
        self._count()
        with self._machine.locked(folder):
            yield

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = getattr(self._machine, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self._count()
            return verb(*args, **kwargs)

        return counted

    def _count(self) -> None:
        self.done += 1
        if self.is_dead:
            raise DependencyError("the connection was cut", code="connection_lost")


def spread(last: int, count: int) -> list[int]:
    """`count` different numbers from 0 to `last`, evenly, both ends included."""
    return sorted({round(last * n / (count - 1)) for n in range(count)})
