"""One reader of the ledger over a WebSocket: what he wants to see, from where on, and how it ends.

Close codes: 1000 he went; 1012 the server ends; 4001 his sign-in no longer holds; 4002 he says what nobody understands;
4008 he reads too slowly.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect

from phoenix.api.live import frames
from phoenix.api.live.hub import Hub
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError

SIGN_IN_ENDED, NOT_UNDERSTOOD, TOO_SLOW = 4001, 4002, 4008

_MOST_FAULTS = 3
_MOST_UNHEARD = 32
"""Messages of his that wait to be heeded."""


@dataclass(slots=True)
class Pace:
    """How patient the server is with its readers.

    Attributes:
        heartbeat_seconds: Between two signs of life.
        send_seconds: How long one frame may take: a reader whose buffers are full for so long does not read.
    """

    heartbeat_seconds: float = 15.0
    send_seconds: float = 10.0


class _Over(Exception):
    """The conversation ends with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(slots=True)
class Reader:
    """A conversation with one reader.

    Attributes:
        socket: Accepted.
        hub: Follows the ledger.
        name: His, for the greeting.
        still_holds: Whether his sign-in does; asked at each heartbeat.
        pace: How patient we are.
        delayed: Told for each event that he was waiting for how long it took to him, s.
    """

    socket: WebSocket
    hub: Hub
    name: str
    still_holds: Callable[[], Awaitable[bool]]
    pace: Pace = field(default_factory=Pace)
    delayed: Callable[[float], object] = lambda _: None
    _place: int = 0
    _is_subscribed: bool = False
    _wanted: frozenset[str] | None = None
    _faults: int = 0
    _is_waiting: bool = False
    _heard: "deque[str]" = field(default_factory=deque[str])
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def converse(self, after: int | None) -> None:
        """Until he goes, or must.

        Args:
            after: The cursor that he came with, which subscribes him to all; None where he says later what he wants.
        """
        async with self.hub.reading(self._bell):
            self._place = self.hub.cursor if after is None else after
            self._is_subscribed = after is not None
            listening = asyncio.create_task(self._listen())
            listening.add_done_callback(lambda _: self._bell.set())
            try:
                await self._send(frames.hello(self.hub.cursor, self.name, self.pace.heartbeat_seconds))
                await self._speak(listening)
            except _Over as over:
                with suppress(RuntimeError, OSError, TimeoutError):
                    async with asyncio.timeout(self.pace.send_seconds):
                        await self.socket.close(over.code, over.reason)
            except WebSocketDisconnect:
                pass
            finally:
                listening.cancel()

    async def _speak(self, listening: "asyncio.Task[None]") -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self.pace.heartbeat_seconds
        while not listening.done():
            self._bell.clear()
            while self._heard:
                await self._obey(self._heard.popleft())
            if not await self._tell():
                await self._pause(due - loop.time())
            if loop.time() >= due:
                due = loop.time() + self.pace.heartbeat_seconds
                await self._beat()
        error = listening.exception()
        if error is not None:
            raise error

    async def _pause(self, seconds: float) -> None:
        """Until something new may be there, in the ledger or from him, or his heartbeat is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._bell.wait()

    async def _tell(self) -> bool:
        """Send what lies behind his place; whether there was anything."""
        if not self._is_subscribed:
            return False
        try:
            found = await self.hub.after(self._place)
        except DependencyError as away:
            await self._send(frames.error(self._place, away.code, away.message))
            await asyncio.sleep(1)
            return False
        for frame in found:
            if self._wanted is None or frame.experiment in self._wanted:
                await self._send(frame.text)
                if self._is_waiting:
                    self.delayed(time.time() - frame.at)
            self._place = frame.sequence
        self._is_waiting = not found
        return bool(found)

    async def _beat(self) -> None:
        if not await self.still_holds():
            raise _Over(SIGN_IN_ENDED, "the sign-in ended")
        await self._send(frames.heartbeat(self._place))

    async def _obey(self, text: str) -> None:
        try:
            match frames.read(text):
                case frames.Subscribe() as wish:
                    self._wanted = None if wish.experiments is None else frozenset(wish.experiments)
                    self._place = self.hub.cursor if wish.after is None else wish.after
                    self._is_subscribed = True
                    await self._send(frames.subscribed(self._place, self._wanted))
                case frames.Unsubscribe():
                    self._is_subscribed = False
                    await self._send(frames.unsubscribed(self._place))
                case frames.Ping():
                    await self._send(frames.heartbeat(self._place))
        except SpecError as fault:
            await self._complain(fault)

    async def _complain(self, fault: PhoenixError) -> None:
        self._faults += 1
        await self._send(frames.error(self._place, fault.code, f"{fault.message} {fault.hint}"))
        if self._faults >= _MOST_FAULTS:
            raise _Over(NOT_UNDERSTOOD, fault.code)

    async def _listen(self) -> None:
        while True:
            message = await self.socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if len(self._heard) >= _MOST_UNHEARD:
                raise _Over(NOT_UNDERSTOOD, "too many messages at once")
            self._heard.append(message.get("text") or "")
            self._bell.set()

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(self.pace.send_seconds):
                await self.socket.send_text(text)
        except TimeoutError:
            raise _Over(TOO_SLOW, f"nothing was read for {self.pace.send_seconds:g} s") from None
        except RuntimeError as gone:
            raise WebSocketDisconnect(1006) from gone
