"""A word to one that waits, also from a signal's handler."""

import os
import select
from contextlib import suppress


class Call:
    """Wakes who waits for it; the first word to end stands.

    A pipe and no `threading.Event`: a handler runs in the middle of whatever the thread that waits does, and would
    wait for ever for a lock which that thread holds.

    Attributes:
        words: Why to end; "" while nobody said so.
    """

    def __init__(self) -> None:
        self.words = ""
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def end(self, words: str) -> None:
        """Say that it is to end."""
        self.words = self.words or words
        self.wake()

    def wake(self) -> None:
        """There is something to look at."""
        with suppress(BlockingIOError):  # full: it is about to wake anyway
            os.write(self._write, b".")

    def wait(self, seconds: float) -> None:
        """Return when somebody called, or after `seconds`."""
        poller = select.poll()  # `select` refuses descriptors from 1,024 on, and a fleet needs many
        poller.register(self._read, select.POLLIN)
        if poller.poll(max(0.0, seconds) * 1000):
            with suppress(BlockingIOError):
                os.read(self._read, 4096)

    def close(self) -> None:
        """Nobody waits any more, and nobody may call."""
        os.close(self._read)
        os.close(self._write)
