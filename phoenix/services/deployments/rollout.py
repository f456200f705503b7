"""The same on many hosts: a few at once, and where one fails the rest goes on or is not begun, as asked."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Generic, TypeVar

from phoenix.services.concurrency import AT_ONCE

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Ended(Generic[R_co]):
    """What became of one host.

    Attributes:
        target: The host's canonical target.
        result: What was done; None where it failed or was not begun.
        fault: Why it failed; None otherwise.
    """

    target: str
    result: R_co | None = None
    fault: Exception | None = None

    @property
    def is_begun(self) -> bool:
        return self.result is not None or self.fault is not None


def roll_out(
    targets: Sequence[str],
    act: Callable[[str], R],
    *,
    keep_going: bool,
    stop: Event,
    concurrency: int = AT_ONCE,
    on_end: Callable[[Ended[R]], object] = lambda _: None,
) -> tuple[Ended[R], ...]:
    """Act on every target, in threads; what has begun is seen through.

    Args:
        targets: Canonical targets.
        act: Called once for each that is begun.
        keep_going: Whether the others go on where one fails; else those that were not begun are not begun.
        stop: Set by whoever wants the end; set here when we are interrupted, so that `act` can end early.
        concurrency: How many at once.
        on_end: Told of each as it ends, by the thread that did it.

    Returns:
        One entry for each target, in their order.
    """
    halted = Event()

    def one(target: str) -> Ended[R]:
        if halted.is_set() or stop.is_set():
            return Ended(target)
        ended: Ended[R]
        try:
            ended: Ended[R] = Ended(target, result=act(target))
        except Exception as fault:  # noqa: BLE001 - told to the caller with the others, by host
            if not keep_going:
                halted.set()
            ended = Ended(target, fault=fault)
        on_end(ended)
        return ended

    with ThreadPoolExecutor(max(1, min(concurrency, len(targets))), "rollout") as threads:
        try:
            return tuple(future.result() for future in [threads.submit(one, target) for target in targets])
        except BaseException:
            stop.set()
            raise
