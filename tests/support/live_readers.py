"""Many readers of the live events in a process of their own: `python -m tests.support.live_readers`, asked on stdin.

Each event's data holds `sent`, the writer's monotonic clock, which all processes of a machine share. A bare echo server
is read by the same clients: each says its own clock and hears it again.
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect


@dataclass
class Asked:
    """What the readers are to do.

    Attributes:
        url: Of the WebSocket.
        readers: How many.
        until: Last cursor that each of them is to see; for an echo: how many messages each sends.
        after: Cursor to begin behind.
        drops: Mean number of events between two reconnects of a reader; 0 for none.
        echo_every: Seconds between two messages; 0 for live events.
    """

    url: str
    readers: int
    until: int = 0
    after: int = 0
    drops: int = 0
    echo_every: float = 0.0


@dataclass
class Seen:
    """What one reader saw."""

    cursors: list[int] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    reconnects: int = 0


async def main() -> None:
    asked = Asked(**json.load(sys.stdin))
    ready = asyncio.Barrier(asked.readers)
    act = _echo if asked.echo_every else _read
    seen = await asyncio.gather(*(act(asked, ready, number) for number in range(asked.readers)))
    json.dump([asdict(one) for one in seen], sys.stdout)


async def _read(asked: Asked, ready: asyncio.Barrier, number: int) -> Seen:
    seen, cursor, is_first = Seen(), asked.after, True
    dice = random.Random(number)  # noqa: S311 - the same each time
    while cursor < asked.until:
        try:
            async with connect(f"{asked.url}?after={cursor}", compression=None, max_queue=1024) as socket:
                if is_first:
                    is_first = False
                    await ready.wait()
                    if number == 0:
                        sys.stderr.write("ready\n")
                        sys.stderr.flush()
                left = dice.randint(1, 2 * asked.drops) if asked.drops else sys.maxsize
                while cursor < asked.until and left > 0:
                    frame: dict[str, Any] = json.loads(await socket.recv())
                    if frame["type"] != "event":
                        continue
                    cursor = frame["cursor"]
                    seen.cursors.append(cursor)
                    seen.delays.append(time.monotonic() - frame["event"]["data"]["sent"])
                    left -= 1
                if left == 0:
                    seen.reconnects += 1
                    socket.transport.abort()
        except OSError:
            await asyncio.sleep(0.2)
        except Exception as closed:
            if type(closed).__module__.startswith("websockets"):
                seen.reconnects += 1
                await asyncio.sleep(0.2)
            else:
                raise
    return seen


async def _echo(asked: Asked, ready: asyncio.Barrier, number: int) -> Seen:
    seen = Seen()
    async with connect(asked.url, compression=None) as socket:
        await ready.wait()
        began = time.monotonic()
        for turn in range(asked.until):
            await asyncio.sleep(max(0.0, began + turn * asked.echo_every - time.monotonic()))
            await _said_and_heard(socket, seen)
    return seen


async def _said_and_heard(socket: ClientConnection, seen: Seen) -> None:
    await socket.send(json.dumps({"type": "event", "sent": time.monotonic(), "padding": "x" * 200}))
    frame = json.loads(await socket.recv())
    seen.delays.append(time.monotonic() - frame["sent"])


if __name__ == "__main__":
    asyncio.run(main())
