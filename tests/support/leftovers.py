"""Looks for what experiments left behind, by the kernel's process table and the disk, not by our own records."""

import os
import socket
from pathlib import Path


def live_pids(owner: str = "") -> set[int]:
    """Processes that carry our mark, of any owner or of one."""
    mark = f"PHOENIX_OWNER={owner}".encode()
    found = set()
    for entry in _pids():
        if entry == str(os.getpid()):
            continue
        try:
            environment = Path(f"/proc/{entry}/environ").read_bytes()
        except OSError:
            continue
        if any(line == mark or (not owner and line.startswith(mark)) for line in environment.split(b"\0")):
            found.add(int(entry))
    return found


def processes_using(folder: Path) -> set[int]:
    """Processes whose command line or environment names a folder, this one and its parents apart."""
    needle = str(folder).encode()
    own = {os.getpid(), os.getppid()}
    found = set()
    for entry in _pids():
        if int(entry) in own:
            continue
        try:
            if (
                needle
                in Path(f"/proc/{entry}/cmdline").read_bytes() + Path(f"/proc/{entry}/environ").read_bytes()
            ):
                found.add(int(entry))
        except OSError:
            continue
    return found


def _pids() -> list[str]:
    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def files_below(folder: Path) -> set[str]:
    """Files and links below a folder, relative; empty where there is no folder."""
    if not folder.exists():
        return set()
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir() or p.is_symlink()}
