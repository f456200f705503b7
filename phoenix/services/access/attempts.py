"""How often one address may fail: against who tries one password on many names, which no lock of a user sees."""

import ipaddress
import math
from collections import OrderedDict, deque
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

from phoenix.domain.errors import StateError
from phoenix.services.access.moments import Now

MOST_FAILURES = 20
WITHIN = timedelta(minutes=15)

MOST_ADDRESSES = 10_000
"""Strangers decide how many there are, so that there must be an end; the one that was quiet longest is forgotten."""


class Attempts:
    """Failures by address, in the memory of this process.

    An attempt counts as a failure until it has succeeded: who sends a thousand at once is refused all but twenty,
    before any password is looked at.
    """

    def __init__(self, now: Now, *, most_addresses: int = MOST_ADDRESSES) -> None:
        self._now = now
        self._most_addresses = most_addresses
        self._lock = Lock()
        self._failures: OrderedDict[str, deque[datetime]] = OrderedDict()

    @contextmanager
    def one(self, address: str) -> Generator[None]:
        """One attempt; it failed where it is refused with a StateError, and counts for nothing where it ends otherwise.

        Raises:
            StateError: Code `too_many_attempts`, before anything was tried.
        """
        network = network_of(address)
        moment = self._begin(network)
        try:
            yield
        except StateError:
            raise
        except BaseException:
            self._take_back(network, moment)
            raise
        self._take_back(network, moment)

    def _begin(self, network: str) -> datetime:
        with self._lock:
            now = self._now()
            failures = self._failures.setdefault(network, deque())
            while failures and now - failures[0] >= WITHIN:
                failures.popleft()
            if len(failures) >= MOST_FAILURES:
                raise _too_many(failures[0] + WITHIN - now)
            failures.append(now)
            self._failures.move_to_end(network)
            while len(self._failures) > self._most_addresses:
                self._failures.popitem(last=False)
            return now

    def _take_back(self, network: str, moment: datetime) -> None:
        with self._lock:
            failures = self._failures.get(network, deque())
            # By now it may have been forgotten.
            if moment in failures:
                failures.remove(moment)
            if not failures:
                self._failures.pop(network, None)


def network_of(address: str) -> str:
    """Whose address it is: of IPv6 the network of 64 bits, all of which one subscriber has (RFC 6177)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))


def _too_many(wait: timedelta) -> StateError:
    seconds = math.ceil(wait.total_seconds())
    return StateError(
        "There were too many failed attempts from this address.",
        code="too_many_attempts",
        hint=f"try again in {math.ceil(seconds / 60)} min",
        details={"retryAfterSeconds": seconds},
    )
