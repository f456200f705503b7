"""One asyncio loop in one daemon thread for every SSH connection of this process; callers wait for it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class _DaemonThreads(ThreadPoolExecutor):
    """A thread for each call, which nobody waits for.

    A name server that never answers holds up no other host, and not the end of this process.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future: Future[T] = Future()

        def call() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                future.set_exception(error)

        threading.Thread(target=call, name="phoenix-ssh-call", daemon=True).start()
        return future


class _Background:
    """The loop and its thread, made when they are first needed, and anew in a forked child."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._guard:
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self._loop.set_default_executor(_DaemonThreads())
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="phoenix-ssh", daemon=True
                )
                self._thread.start()
            return self._loop


_BACKGROUND = _Background()


def wait_for(work: Coroutine[object, object, T]) -> T:
    """What `work` returns or raises; it runs on the shared loop and is cancelled when the caller is interrupted."""
    future = asyncio.run_coroutine_threadsafe(work, _BACKGROUND.loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
