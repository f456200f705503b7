"""Files that survive a crash: written aside, flushed, renamed; and the lock that orders those who write them."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp"
"""Ends the name of a file that is being written; in a host's own folder that is always under its lock, so whoever
holds that may remove one."""


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make `folder` and what is missing above it, with this mode: `mkdir` alone would open the ones above."""
    for one in (*reversed(folder.parents), folder):
        if not one.is_dir():
            one.mkdir(mode=mode, exist_ok=True)


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold the host's lock, against other processes and other threads; the kernel frees it when we die."""
    make_folder(folder)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace `path` in one step; readers see the old or the new text, also after a power cut."""
    aside = path.with_name(path.name + TEMPORARY)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    flush_folder(path.parent)


def link(path: Path, target: str) -> None:
    """Point the symbolic link `path` at `target` in one step."""
    aside = path.with_name(path.name + TEMPORARY)
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.replace(path)
    flush_folder(path.parent)


def read(path: Path) -> str | None:
    """The text of `path`; None if there is no such file."""
    try:
        # Bytes, for what was written with the line ends of another system is read so again.
        return path.read_bytes().decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        return None


def read_tail(path: Path, limit: int) -> str:
    """The last `limit` bytes as text; "" if there is no such file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            return file.read(limit).decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def flush_folder(folder: Path) -> None:
    """Make renames and removals in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
