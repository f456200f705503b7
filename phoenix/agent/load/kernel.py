"""Calls of the kernel that Python does not offer, by way of the C library; each says whether it worked.

A Python without ctypes, or a kernel that refuses, is no error: the load then relies on less (see `guard`).
"""

from __future__ import annotations

import os
import signal

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_CLONE_NEWNS, _CLONE_NEWPID = 0x00020000, 0x20000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 16384, 1 << 18


def die_with_parent() -> bool:
    """The kernel kills us when the thread that made us ends, prctl(2)."""
    return _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> bool:
    """Descendants whose parent ends become our children, so that we can reap them, prctl(2)."""
    return _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def divide_process_ids() -> bool:
    """Our next child is the first process of a PID namespace: when it ends, the kernel ends all others in it."""
    return _call("unshare", _CLONE_NEWPID)


def mount_process_table(folder: str) -> bool:
    """Show the process table of our PID namespace in `folder`; nobody outside sees that mount."""
    return (
        _call("unshare", _CLONE_NEWNS)
        and _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
        and _call("mount", b"proc", os.fsencode(folder), b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None)
    )


def _call(name: str, *arguments: object) -> bool:
    try:
        import ctypes
    except ImportError:
        return False
    words = [ctypes.c_ulong(one) if isinstance(one, int) else one for one in arguments]
    try:
        return getattr(ctypes.CDLL(None), name)(*words) == 0
    except (AttributeError, OSError):  # no such function; a Python that is linked statically
        return False
