"""HTTP GET on loopback, over connections that are kept: two arms are read in parallel, each scrape anew."""

import http.client
import time
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

from phoenix.domain.errors import DependencyError, SpecError

MAXIMUM_BODY_BYTES = 64 * 1024 * 1024
"""5,000 processes with all series take about 12 MiB; beyond this something is wrong, and memory is ours to guard."""

_CHUNK = 256 * 1024
_OK = 200
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_Address = tuple[str, int]


class Fetcher:
    """Bodies by URL; safe to share between threads: a connection belongs to one call at a time.

    Args:
        reach: Gives the port of our own loopback that leads to one of the host's.
        leave: Told of a port that is not needed any more.
    """

    def __init__(
        self, reach: Callable[[int], int] = lambda port: port, leave: Callable[[int], None] = lambda _: None
    ) -> None:
        self._reach = reach
        self._leave = leave
        # Appending to and popping from a deque is atomic.
        self._idle: defaultdict[_Address, deque[http.client.HTTPConnection]] = defaultdict(deque)

    def get(self, url: str, timeout: timedelta) -> bytes:
        """The body that `url` answers with.

        Args:
            url: An address of a port on loopback.
            timeout: For all of it.

        Raises:
            SpecError: Not a loopback address.
            DependencyError: No answer, not 200, too slow or too large.
        """
        address, path = _split(url)
        deadline = time.monotonic() + timeout.total_seconds()
        kept = self._pop(address)
        if kept is not None:
            try:
                return self._ask(kept, address, path, deadline)
            except (http.client.HTTPException, OSError):
                kept.close()  # the other side closed it while it was idle; a new one tells the truth
        fresh = http.client.HTTPConnection(address[0], self._reach(address[1]))
        try:
            return self._ask(fresh, address, path, deadline)
        except (http.client.HTTPException, OSError) as error:
            fresh.close()
            raise DependencyError(
                f"{url} does not answer: {error or type(error).__name__}", code="unreachable"
            ) from error
        except DependencyError:
            fresh.close()
            raise

    def forget(self, url: str) -> None:
        """Close what is kept for the address of `url`: its server ends."""
        address, _ = _split(url)
        for connection in self._idle.pop(address, ()):
            connection.close()
        self._leave(address[1])

    def _pop(self, address: _Address) -> http.client.HTTPConnection | None:
        try:
            return self._idle[address].pop()
        except IndexError:
            return None

    def _ask(
        self, connection: http.client.HTTPConnection, address: _Address, path: str, deadline: float
    ) -> bytes:
        connection.timeout = max(deadline - time.monotonic(), 0.001)
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        connection.request("GET", path)
        response = connection.getresponse()
        body = _body(response, deadline)
        if response.status != _OK:
            connection.close()
            raise DependencyError(
                f"{path} answers {response.status} {response.reason}",
                code="bad_answer",
                details={"status": response.status, "body": body[:500].decode(errors="replace")},
            )
        if response.isclosed() and connection.sock is not None:
            self._idle[address].append(connection)
        return body


def _body(response: http.client.HTTPResponse, deadline: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAXIMUM_BODY_BYTES:
            raise DependencyError(f"the answer is larger than {MAXIMUM_BODY_BYTES} bytes", code="too_large")
        # A socket's timeout starts anew with each byte: whoever drips would hold us for ever.
        if time.monotonic() > deadline:
            raise TimeoutError("timed out")
    response.read()  # nothing comes any more, but only this tells the connection that it is free
    return b"".join(chunks)


def _split(url: str) -> tuple[_Address, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme != "http" or host not in _LOOPBACK or not port:
        raise SpecError(f"{url!r} is no http address of a port on loopback", code="invalid_address")
    path = parts.path or "/"
    return (host, port), f"{path}?{parts.query}" if parts.query else path
