"""What is made once, by the first who asks."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """The result of `make`; whoever asks while it is made waits for it.

    Not `cached_property`, whose lock all instances of a class share before Python 3.12: a host that does not answer
    would hold up all others.

    Args:
        make: Called until it succeeds.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._making = Lock()
        self._made: tuple[T] | None = None

    def __call__(self) -> T:
        if self._made is None:
            with self._making:
                if self._made is None:
                    self._made = (self._make(),)
        return self._made[0]
