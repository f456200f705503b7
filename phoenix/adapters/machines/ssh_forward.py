"""Ports of our own loopback that lead to ports of a host's loopback, through its connection."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import asyncssh
from asyncssh.constants import OPEN_ADMINISTRATIVELY_PROHIBITED

from phoenix.adapters.machines.ssh_login import Link
from phoenix.domain.errors import DependencyError

LOOPBACK = "127.0.0.1"

_CHUNK = 1 << 16


class _Source(Protocol):
    async def read(self, n: int = -1, /) -> bytes: ...


class _Sink(Protocol):
    def write(self, data: bytes, /) -> None: ...
    def write_eof(self) -> None: ...
    async def drain(self) -> None: ...


@dataclass(slots=True)
class _Forward:
    server: asyncio.Server
    port: int
    talks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])


class Forwards:
    """The forwarded ports of one host. They outlast its connection: the next one to knock makes a new one.

    Args:
        linked: The open connection, made if need be.
    """

    def __init__(self, linked: Callable[[], Awaitable[Link]]) -> None:
        self._linked = linked
        self._open: dict[int, _Forward] = {}
        self._turn = asyncio.Lock()

    async def add(self, port: int, name: str) -> int:
        """Our port for `port` of the host.

        Args:
            port: Of the host's loopback; nobody need listen there yet.
            name: The host's, for the message.

        Raises:
            DependencyError: The host forwards nothing (code `forwarding_refused`).
        """
        async with self._turn:
            if port not in self._open:
                await self._try(port, name)
                self._open[port] = await self._listening(port)
            return self._open[port].port

    async def remove(self, port: int) -> None:
        async with self._turn:
            if forward := self._open.pop(port, None):
                forward.server.close()
                for talk in forward.talks:
                    talk.cancel()

    async def close(self) -> None:
        for port in list(self._open):
            await self.remove(port)

    async def _try(self, port: int, name: str) -> None:
        link = await self._linked()
        try:
            _, writer = await link.connection.open_connection(LOOPBACK, port)
            writer.close()
        except asyncssh.ChannelOpenError as error:
            if error.code == OPEN_ADMINISTRATIVELY_PROHIBITED:
                raise DependencyError(
                    f"{name} forwards no ports: {error.reason}",
                    code="forwarding_refused",
                    hint="its sshd needs AllowTcpForwarding local (and no PermitOpen against it)",
                ) from error

    async def _listening(self, port: int) -> _Forward:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - asyncio runs it as one
            forward.talks.add(task)
            try:
                # Only `remove` cancels it, and it ends here: asyncio would report a cancelled one as a fault.
                with suppress(asyncio.CancelledError):
                    await self._talk(port, reader, writer)
            finally:
                forward.talks.discard(task)
                writer.transport.abort()

        server = await asyncio.start_server(talk, LOOPBACK, 0)
        forward = _Forward(server, server.sockets[0].getsockname()[1])
        return forward

    async def _talk(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(DependencyError, OSError, asyncssh.Error):
            link = await self._linked()
            there, to_there = await link.connection.open_connection(LOOPBACK, port)
            try:
                await asyncio.gather(_carry(reader, to_there), _carry(there, writer))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
            finally:
                to_there.close()


async def _carry(source: _Source, sink: _Sink) -> None:
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    sink.write_eof()
