"""Users of this host that simulated processes may run as."""

from __future__ import annotations

import os
import pwd
from typing import Any, Optional

from phoenix.agent import procfs
from phoenix.agent.protocol import RefusedError

_NEEDED = (5, 6, 7)
"""CAP_KILL, CAP_SETGID, CAP_SETUID of include/uapi/linux/capability.h."""


def ids_of(user: Any) -> Optional[tuple[int, int]]:
    """User and group to become for a user's name; None for nobody else than we are.

    Raises:
        RefusedError: This host has no such user, or we may not become it.
    """
    if user is None:
        return None
    try:
        found = pwd.getpwnam(str(user))
    except KeyError:
        raise RefusedError("unknown_user", f"this host has no user {user!r}") from None
    if found.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise RefusedError(
            "not_permitted",
            f"processes of the user {user!r} need root, and the load runs here as user {os.geteuid()}",
        )
    if not _may_become():
        raise RefusedError(
            "not_permitted",
            f"processes of the user {user!r} need the capabilities setuid, setgid and kill, which root lacks here",
        )
    return found.pw_uid, found.pw_gid


def _may_become() -> bool:
    """Whether we may give processes to another user, and end them (capabilities(7)); containers often may not."""
    fields = dict(line.split(b":", 1) for line in procfs.read("/proc/self/status").splitlines())
    held = int(fields[b"CapEff"], 16)
    return all(held >> capability & 1 for capability in _NEEDED)
