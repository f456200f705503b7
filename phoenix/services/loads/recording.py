"""Takes censuses of a host for a while, and makes a load profile of them."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from phoenix.adapters.ports import Host
from phoenix.domain.load.recording import record
from phoenix.domain.processes import Census
from phoenix.services.loads.settling import Opener

CENSUS_SECONDS = 1.0
"""Between two censuses; what lives shorter is seen only by chance."""

_TAKE = timedelta(seconds=10)
"""A census of thousands of processes takes some 0.1 s; the rest is for a busy host."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """Records hosts.

    Attributes:
        open_host: Gives a host.
    """

    open_host: Opener

    def record(
        self, target: str, name: str, duration: timedelta, *, anonymise: bool = False
    ) -> Mapping[str, object]:
        """The load profile of what runs on a host.

        Args:
            target: The host, canonical.
            name: The profile's.
            duration: How long to look; at least two censuses are taken.
            anonymise: Whether names are made up.

        Returns:
            The profile's document, as `parse_profile` reads it.

        Raises:
            DependencyError: The host does not answer.
        """
        host = self.open_host(target)
        owner = f"rec-{secrets.token_hex(4)}"
        try:
            censuses = _taken(host, owner, duration)
        finally:
            host.clear(owner)
        return record(name, censuses, anonymise=anonymise)


def _taken(host: Host, owner: str, duration: timedelta) -> tuple[Census, ...]:
    found: list[Census] = []
    with host.open_census(owner, duration + 6 * _TAKE) as session:
        began = time.monotonic()
        for number in range(max(2, round(duration.total_seconds() / CENSUS_SECONDS) + 1)):
            # From the beginning on, so that what a census takes does not add up.
            time.sleep(max(0.0, began + number * CENSUS_SECONDS - time.monotonic()))
            found.append(session.take((), _TAKE))
    return tuple(found)
