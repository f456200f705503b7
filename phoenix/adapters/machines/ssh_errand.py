"""A program that runs to its end by a deadline, all of whose words are kept. For the connection's loop."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from phoenix.adapters.machines.ssh_session import Capture, Gone, Session
from phoenix.domain.errors import DependencyError


class Errand:
    """One program, begun, fed and awaited.

    Args:
        label: How messages call it.
        limit: Bytes that it may say.
        timeout: From now.

    Raises (every verb): DependencyError `host_timeout`; `Gone` when the connection is lost.
    """

    def __init__(self, label: str, limit: int, timeout: timedelta) -> None:
        self._label = label
        self._limit = limit
        self._timeout = timeout
        self._deadline = asyncio.get_running_loop().time() + timeout.total_seconds()
        self._capture = Capture(limit)

    async def begin(self, begin: Callable[[Session], Awaitable[object]]) -> None:
        async with self._in_time():
            await begin(self._capture)

    async def feed(self, data: bytes) -> bool:
        """Give it `data` when it is ready to read; False if it ended."""
        async with self._in_time():
            await self._capture.may_write.wait()
        return not self._capture.ended.is_set() and self._capture.write(data)

    async def finish(self) -> Capture:
        """Let it read the end of its input, and hear it out."""
        self._capture.end_input()
        async with self._in_time():
            await self._capture.ended.wait()
        if self._capture.is_too_much:
            raise DependencyError(
                f"{self._label} says more than {self._limit:,} bytes", code="host_output", hint="ask for less"
            )
        if self._capture.lost:
            raise Gone(self._capture.lost, began=True)
        return self._capture

    async def abandon(self) -> None:
        """Kill it if it still runs."""
        self._capture.kill()

    @asynccontextmanager
    async def _in_time(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout_at(self._deadline):
                yield
        except TimeoutError as error:
            raise DependencyError(
                f"{self._label} does not end within {self._timeout.total_seconds():g} s",
                code="host_timeout",
                hint="is the host overloaded, or its disk stuck?",
            ) from error
