"""Serves the figures of a load on the loopback, in the Prometheus text format, from the generator's own loop.

No thread: the simulated processes die with the thread that started them. No request may hold the loop up: whoever is
slow or says nonsense is hung up on.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Callable, Optional, Sequence

_METRICS = (
    ("phoenix_loadsim_active_processes", "gauge", "Simulated processes alive.", "active"),
    ("phoenix_loadsim_achieved_processes", "gauge", "Standing processes alive.", "achieved"),
    ("phoenix_loadsim_requested_processes", "gauge", "Standing processes asked for.", "requested"),
    (
        "phoenix_loadsim_churn_rate_ops_sec",
        "gauge",
        "Short-lived processes started per second.",
        "achieved_rate",
    ),
    (
        "phoenix_loadsim_requested_churn_rate_ops_sec",
        "gauge",
        "Short-lived processes asked for per second.",
        "requested_rate",
    ),
    ("phoenix_loadsim_spawned_total", "counter", "Processes started.", "spawned_total"),
    ("phoenix_loadsim_exited_total", "counter", "Processes ended.", "exited_total"),
    ("phoenix_loadsim_restarts_total", "counter", "Processes replaced at their age.", "restarts"),
    ("phoenix_loadsim_died_total", "counter", "Processes that something else ended.", "died_total"),
    ("phoenix_loadsim_lateness_p99_seconds", "gauge", "99th percentile of late starts.", "lateness_p99_s"),
    ("phoenix_loadsim_cpu_cores", "gauge", "CPU used by the simulated processes.", "cpu_cores"),
    ("phoenix_loadsim_memory_bytes", "gauge", "Resident memory of the simulated processes.", "rss_bytes"),
)

_PATIENCE_SECONDS = 2.0
_MOST_AT_ONCE = 16
_LONGEST_REQUEST = 8192


def exposition(status: dict[str, object]) -> str:
    """The figures as text; what is not known is left out."""
    lines: list[str] = []
    for name, kind, words, key in _METRICS:
        if status.get(key) is not None:
            lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}", f"{name} {status[key]}"]
    return "\n".join(lines) + "\n"


class Endpoint:
    """`GET /metrics` on a listening socket; `None` listens nowhere.

    Attributes:
        url: Where it answers; "" for nowhere.
    """

    def __init__(self, listener: Optional[socket.socket], status: Callable[[], dict[str, object]]) -> None:
        self._listener = listener
        self._status = status
        self._open: dict[socket.socket, tuple[float, bytes]] = {}
        self.url = "http://127.0.0.1:{}/metrics".format(listener.getsockname()[1]) if listener else ""

    def waits_for(self) -> list[socket.socket]:
        """What to watch for input."""
        return [self._listener, *self._open] if self._listener else []

    def deadline(self) -> Optional[float]:
        """When the first that is slow must be hung up on, monotonic clock; None without any."""
        return min((due for due, _ in self._open.values()), default=None)

    def serve(self, readable: Sequence[object]) -> None:
        """Accept, read and answer what came; hang up on who was too slow."""
        now = time.monotonic()
        for one in [one for one in self._open if one in readable]:
            self._read(one)
        for one in [one for one, (due, _) in self._open.items() if now >= due]:
            self._close(one)
        if self._listener in readable and self._listener is not None:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return  # who called has gone again
            accepted.setblocking(False)
            self._open[accepted] = now + _PATIENCE_SECONDS, b""
            while len(self._open) > _MOST_AT_ONCE:
                self._close(next(iter(self._open)))

    def _read(self, one: socket.socket) -> None:
        due, before = self._open[one]
        try:
            data = one.recv(4096)
        except OSError:
            data = b""
        text = before + data
        if data and b"\r\n\r\n" not in text and len(text) < _LONGEST_REQUEST:
            self._open[one] = due, text
            return
        if b"\r\n\r\n" in text:
            self._answer(one, text)
        self._close(one)

    def _answer(self, one: socket.socket, request: bytes) -> None:
        method, target, *_ = (*request.split(b"\r\n", 1)[0].split(b" "), b"", b"")
        line, body = "404 Not Found", "only /metrics is here\n"
        if method not in (b"GET", b"HEAD"):
            line, body = "405 Method Not Allowed", "only GET is known here\n"
        elif target.split(b"?")[0] == b"/metrics":
            line, body = "200 OK", exposition(self._status())
        content = body.encode()
        head = (
            f"HTTP/1.1 {line}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        )
        with suppress(OSError):  # nobody reads it any more
            one.send(head.encode() + (b"" if method == b"HEAD" else content))

    def _close(self, one: socket.socket) -> None:
        del self._open[one]
        one.close()
