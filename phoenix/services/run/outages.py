"""A store that is away for a moment: what can wait for it does."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

from phoenix.adapters.stores import STORE_UNAVAILABLE
from phoenix.domain.errors import DependencyError


class Outage:
    """Bears that the store is away, for some time.

    Args:
        longest: After it the error is raised.
    """

    def __init__(self, longest: timedelta) -> None:
        self._longest = longest.total_seconds()
        self._since: float | None = None

    @contextmanager
    def borne(self) -> Generator[None]:
        """Leave the body where the store does not answer, and go on behind it; to be entered again and again.

        Raises:
            DependencyError: It has been away for too long.
        """
        try:
            yield
        except DependencyError as silence:
            self._since = self._since or time.monotonic()
            if silence.code != STORE_UNAVAILABLE or time.monotonic() - self._since > self._longest:
                raise
        else:
            self._since = None
