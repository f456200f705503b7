"""What Phoenix tells the world of: events for machines, notices for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import NAMESPACE_URL, UUID, uuid5


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event of a feed that others subscribe to.

    Attributes:
        event: Its name, `phoenix.experiment.breach`.
        key: What makes it one and the same event however often it is told.
        at: When it happened, UTC.
        resource: What it is about, `phoenix.experiment.exp-1a2b3c4d`.
        name: What people call that.
        payload: Facts, JSON-compatible, small, never a secret.
        flow_run: Id of the Prefect flow run that it belongs to; "" where there is none.
    """

    event: str
    key: str
    at: datetime
    resource: str
    name: str
    payload: Mapping[str, object] = field(default_factory=dict[str, object])
    flow_run: str = ""

    @property
    def id(self) -> UUID:
        """The same for the same event, so that a server which hears it twice keeps one."""
        return uuid5(NAMESPACE_URL, f"{self.event}:{self.resource}:{self.key}")


class Tone(StrEnum):
    """How a notice is meant; many services colour it so."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to people.

    Attributes:
        title: One line.
        body: Plain text that also reads as Markdown.
        tone: How it is meant.
    """

    title: str
    body: str
    tone: Tone
