"""Users of this host that simulated processes may run as."""

from __future__ import annotations

import os
import pwd
from typing import Any, Optional

from phoenix.agent.protocol import RefusedError


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
    return found.pw_uid, found.pw_gid
