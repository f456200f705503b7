"""The time as these services ask for it."""

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
"""Tells the present moment, in UTC."""


def utc_now() -> datetime:
    return datetime.now(UTC)
