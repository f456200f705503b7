"""Takes censuses of a host for a while, and makes a load profile of them."""

import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from phoenix.adapters.ports import Host
from phoenix.domain.load.recording import record
from phoenix.domain.processes import Census
from phoenix.domain.targets import LocalTarget, parse_target
from phoenix.services.loads.settling import Opener

CENSUS_SECONDS = 0.5
"""Between two censuses; what lives shorter is seen only by chance."""

_BOOT_ERROR = 1.1
"""The kernel tells the moment of the boot in whole seconds."""

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
        """The load profile of what runs on a host, what records it apart.

        Args:
            target: The host, canonical.
            name: The profile's.
            duration: How long to look; at least two censuses are taken.
            anonymise: Whether names are made up.

        Returns:
            The profile's document, as `parse_profile` reads it.

        Raises:
            StateError: There is nothing to record.
            DependencyError: The host does not answer.
        """
        host = self.open_host(target)
        owner = f"rec-{secrets.token_hex(4)}"
        began = time.monotonic()
        try:
            censuses, first = _taken(host, owner, duration)
        finally:
            host.clear(owner)
        without = _started_within(censuses[0], first - began)
        if isinstance(parse_target(target), LocalTarget):
            without.add(os.getpid())
        return record(name, censuses, anonymise=anonymise, without=without)


def _taken(host: Host, owner: str, duration: timedelta) -> tuple[tuple[Census, ...], float]:
    """Censuses at even distances, and when the first was there (monotonic clock)."""
    found: list[Census] = []
    with host.open_census(owner, duration + 6 * _TAKE) as session:
        found.append(session.take((), _TAKE))
        began = time.monotonic()
        for number in range(1, max(2, round(duration.total_seconds() / CENSUS_SECONDS) + 1)):
            # From the beginning on, so that what a census takes does not add up.
            time.sleep(max(0.0, began + number * CENSUS_SECONDS - time.monotonic()))
            found.append(session.take((), _TAKE))
    return tuple(found), began


def _started_within(census: Census, seconds: float) -> set[int]:
    """Who began in the last seconds before a census: our agent, its wrappers, and the login that brought it.

    Something else that began in the same second or two is left out with them, which is too little to be seen.
    """
    up = census.wall_seconds - census.boot_seconds
    earliest = (up - seconds - _BOOT_ERROR) * census.ticks_per_second
    return {one.pid for one in census.processes.values() if one.started >= earliest}
