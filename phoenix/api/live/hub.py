"""One look at the ledger for all readers; the newest frames in a ring that each reader follows at his own pace.

A reader holds a place in the ledger and no queue: what he has not read yet costs nobody memory. One that falls out of
the ring reads from the store until he is back in it. While nobody reads, nobody looks.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from anyio import CapacityLimiter, to_thread

from phoenix.adapters.stores import ExperimentStore
from phoenix.api.live.frames import Frame, frame_of
from phoenix.domain.errors import DependencyError
from phoenix.domain.record import Event

WAIT_SECONDS = 5.0
"""Without a sign of news the ledger is looked at none the less: a sign may be lost."""

AWAY_SECONDS = 1.0
"""Before the next look at a store that failed."""

RING = 4096
"""Frames kept in memory: more than an experiment writes in hours."""

BATCH = 500
"""Events that are read at once."""

log = logging.getLogger(__name__)


class Hub:
    """Follows the ledger while anybody reads.

    Args:
        store: The ledger.
    """

    def __init__(self, store: Callable[[], ExperimentStore]) -> None:
        self._store = store
        self._ring: deque[Frame] = deque(maxlen=RING)
        self._floor = 0  # the ring holds every event behind it, up to `cursor`
        self._cursor = 0
        self._bells: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._own_thread = CapacityLimiter(1)

    @property
    def cursor(self) -> int:
        """Up to where the ledger was read."""
        return self._cursor

    @property
    def readers(self) -> int:
        return len(self._bells)

    @asynccontextmanager
    async def reading(self, bell: asyncio.Event) -> AsyncGenerator[None]:
        """Follow the ledger for as long as the context lasts, and set `bell` whenever there is something new."""
        self._bells.add(bell)
        try:
            await self._begin()
            yield
        finally:
            self._bells.discard(bell)
            if not self._bells and self._task is not None:
                self._task.cancel()
                self._task = None

    async def after(self, place: int) -> Sequence[Frame]:
        """The frames behind a place, oldest first, from memory or from the store; empty where there is none yet."""
        if place >= self._cursor:
            return ()
        if place >= self._floor:
            return [frame for frame in self._ring if frame.sequence > place]
        return [frame_of(event) for event in await self._read(place)]

    async def _begin(self) -> None:
        async with self._beginning:
            if self._task is not None:
                return
            newest = await to_thread.run_sync(self._store().newest_event)
            self._ring.clear()
            self._floor = self._cursor = newest
            self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        watch = self._store().watch()
        try:
            while True:
                found = await self._look()
                for event in found:
                    self._keep(frame_of(event))
                if found:
                    self._wake()
                if len(found) < BATCH:
                    await to_thread.run_sync(
                        watch.wait, WAIT_SECONDS, abandon_on_cancel=True, limiter=self._own_thread
                    )
        finally:
            watch.close()

    async def _look(self) -> Sequence[Event]:
        while True:
            try:
                return await self._read(self._cursor)
            except DependencyError as away:
                log.warning("the ledger cannot be read: %s", away.message)
                await asyncio.sleep(AWAY_SECONDS)

    def _keep(self, frame: Frame) -> None:
        if len(self._ring) == RING:
            self._floor = self._ring[0].sequence
        self._ring.append(frame)
        self._cursor = frame.sequence

    def _wake(self) -> None:
        for bell in self._bells:
            bell.set()

    async def _read(self, place: int) -> Sequence[Event]:
        return await to_thread.run_sync(lambda: self._store().feed(after=place, limit=BATCH))
