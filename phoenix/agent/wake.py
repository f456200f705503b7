"""Signals as a descriptor to wait for beside stdin: no signal is lost between a look and a wait."""

from __future__ import annotations

import os
import signal

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def on_signals() -> int:
    """A descriptor that becomes readable when a child ended or we are told to end."""
    wake, written = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *_ENDING):
        signal.signal(number, _ignore)
    return wake


def is_told_to_end(wake: int) -> bool:
    """Take what the descriptor holds; call it when it is readable."""
    return any(number in _ENDING for number in os.read(wake, 4096))


def _ignore(_number: int, _frame: object) -> None:
    """A handler there must be: ignored signals wake nobody and are inherited by children."""
