"""One process at a time: a lock on a file, which the kernel gives back when its process dies."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from phoenix.adapters.machines import durable


@contextmanager
def alone(path: Path) -> Generator[bool]:
    """Whether no other process holds the lock of this file, for as long as the context lasts; nobody waits for it."""
    durable.make_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _is_taken(handle)
    finally:
        os.close(handle)


def _is_taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
