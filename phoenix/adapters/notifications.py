"""Notices by Apprise: more than a hundred services, each named by a URL that may hold a secret.

No URL is ever shown: a target goes by its place in the list and its scheme. Each has a thread of its own, so that one
that hangs delays neither the run nor the others.
"""

import logging
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from phoenix.adapters.ports import Notifier
from phoenix.domain.announcement import Notice
from phoenix.domain.errors import SpecError

LOG = logging.getLogger(__name__)

NOTIFY, NOTIFY_FILE = "PHOENIX_NOTIFY", "PHOENIX_NOTIFY_FILE"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20})://")


class NotificationTarget:
    """One URL, and where it was set.

    Args:
        url: As Apprise reads it.
        source: The variable that it comes from.
        position: Its place there, from 1.
    """

    def __init__(self, url: str, source: str, position: int) -> None:
        self.url = url
        scheme = _SCHEME.match(url)
        kind = f"scheme {scheme[1].lower()}" if scheme else "without a scheme"
        self.words = f"target {position} of {source} ({kind})"

    def __repr__(self) -> str:
        return f"<{self.words}>"


def targets_of(urls: str, file: Path | None) -> tuple[NotificationTarget, ...]:
    """Those of both settings.

    Args:
        urls: Separated by white space.
        file: One URL a line, `#` begins a comment; None for no file.

    Raises:
        SpecError: The file cannot be read.
    """
    found = [NotificationTarget(url, NOTIFY, number) for number, url in enumerate(urls.split(), 1)]
    if file is not None:
        lines = [line.strip() for line in _read(file).splitlines()]
        given = [line for line in lines if line and not line.startswith("#")]
        found += [NotificationTarget(url, NOTIFY_FILE, number) for number, url in enumerate(given, 1)]
    return tuple(found)


def refuse_malformed(targets: Sequence[NotificationTarget]) -> None:
    """Have Apprise read each URL; nothing is sent.

    Raises:
        SpecError: Naming every target that it does not understand, by place and scheme.
    """
    refused = [target.words for target in targets if _service(target) is None]
    if refused:
        raise SpecError(
            f"Notifications cannot be sent: {'; '.join(refused)}: Apprise does not understand the URL.",
            code="invalid_notification_target",
            hint="the forms are listed at https://appriseit.com/services/; the URL itself is not shown, it may hold"
            " a secret",
        )


class AppriseNotifier(Notifier):
    """Sends to the given targets from threads that never hold the process up.

    Args:
        targets: What Apprise does not understand is told once in the log, and left out.
    """

    def __init__(self, targets: Sequence[NotificationTarget]) -> None:
        self._couriers = [_Courier(target) for target in targets]

    @property
    def has_targets(self) -> bool:
        return bool(self._couriers)

    def notify(self, notice: Notice) -> None:
        for courier in self._couriers:
            courier.take(notice)

    def drain(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for courier in self._couriers:
            courier.await_idle(deadline)


class _Courier:
    """Delivers to one target, one notice after the other."""

    def __init__(self, target: NotificationTarget) -> None:
        self._target = target
        self._notices: SimpleQueue[Notice] = SimpleQueue()
        self._left = 0
        self._idle = threading.Condition()
        self._thread: threading.Thread | None = None
        self._has_complained = False

    def take(self, notice: Notice) -> None:
        with self._idle:
            self._left += 1
        self._notices.put(notice)
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver_all, name="notices", daemon=True)
            self._thread.start()

    def await_idle(self, deadline: float) -> None:
        with self._idle:
            if not self._idle.wait_for(lambda: not self._left, max(0.0, deadline - time.monotonic())):
                self._complain("did not answer in time")

    def _deliver_all(self) -> None:
        service: Any = _service(self._target)
        if service is None:
            self._complain("is no URL that Apprise understands")
        while True:
            notice = self._notices.get()
            if service is not None and not _deliver(service, notice):
                self._complain("did not take a notice")
            with self._idle:
                self._left -= 1
                self._idle.notify_all()

    def _complain(self, words: str) -> None:
        if not self._has_complained:
            self._has_complained = True
            LOG.warning(
                "Notifications: %s %s; said once, the run goes on without it", self._target.words, words
            )


def _deliver(service: Any, notice: Notice) -> bool:
    try:
        return bool(
            service.notify(
                title=notice.title, body=notice.body, notify_type=notice.tone.value, body_format="text"
            )
        )
    except Exception:  # noqa: BLE001 - whatever a service's client raises may quote the URL
        return False


def _service(target: NotificationTarget) -> Any:
    """The Apprise object of a target; None where it does not understand the URL."""
    import apprise

    # What it logs quotes the URLs that it does not understand; urllib3 tells a debugger each path that it asks for.
    logging.getLogger("apprise").disabled = True
    logging.getLogger("urllib3").setLevel(logging.INFO)
    asset = apprise.AppriseAsset(
        app_id="Phoenix", app_desc="Phoenix", app_url="", async_mode=False, storage_mode="memory"
    )
    service = apprise.Apprise(asset=asset)
    try:
        return service if service.add(target.url) else None
    except Exception:  # noqa: BLE001 - see above
        return None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SpecError(
            f"{NOTIFY_FILE} names {file}, which cannot be read: {why}.",
            code="invalid_notification_target",
            hint="a text file with one Apprise URL a line, readable by you alone (chmod 600)",
        ) from None
