"""What goes over the live WebSocket, as JSON text.

From the server: `hello` (where the ledger stands), `subscribed`, `event`, `heartbeat`, `error`. From the client:
`subscribe` with `experiments` (ids; left out: all) and `after` (a cursor; left out: from now on), `unsubscribe`, `ping`.
`cursor` is in every frame of the server: a client that comes back with it as `after` misses nothing and sees nothing
twice.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from phoenix.domain.errors import SpecError
from phoenix.domain.record import Event
from phoenix.services.operations.experiments import event_document

MOST_EXPERIMENTS = 200
"""In one subscription; who wants more wants all."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An event, encoded once for all readers.

    Attributes:
        sequence: Its cursor.
        experiment: Id of its experiment.
        at: When it was written, s since the epoch.
        text: What is sent.
    """

    sequence: int
    experiment: str
    at: float
    text: str


def frame_of(event: Event) -> Frame:
    return Frame(
        event.sequence,
        event.experiment,
        event.at.timestamp(),
        _text("event", event.sequence, experiment=event.experiment, event=event_document(event)),
    )


def hello(cursor: int, name: str, heartbeat_seconds: float) -> str:
    return _text("hello", cursor, user=name, heartbeatSeconds=heartbeat_seconds)


def subscribed(cursor: int, experiments: frozenset[str] | None) -> str:
    return _text("subscribed", cursor, experiments=None if experiments is None else sorted(experiments))


def unsubscribed(cursor: int) -> str:
    return _text("unsubscribed", cursor)


def heartbeat(cursor: int) -> str:
    return _text("heartbeat", cursor, at=datetime.now(UTC).isoformat())


def error(cursor: int, code: str, message: str) -> str:
    return _text("error", cursor, code=code, message=message)


class Subscribe(BaseModel):
    """From the client: what it wants to see, in place of what it wanted before."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["subscribe"]
    experiments: list[str] | None = Field(default=None, max_length=MOST_EXPERIMENTS)
    after: int | None = Field(default=None, ge=0, le=2**63 - 1)


class Unsubscribe(BaseModel):
    """From the client: no events for now."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["unsubscribe"]


class Ping(BaseModel):
    """From the client: is anybody there? The answer is a heartbeat."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["ping"]


Request = Subscribe | Unsubscribe | Ping

_REQUEST: TypeAdapter[Request] = TypeAdapter(Request)


def read(text: str) -> Request:
    """What a client said.

    Raises:
        SpecError: Nobody understands it.
    """
    try:
        return _REQUEST.validate_json(text)
    except ValidationError as fault:
        raise SpecError(
            "This message is not understood.",
            code="invalid_message",
            hint='{"type": "subscribe", "after": 0}, {"type": "unsubscribe"} or {"type": "ping"}',
        ) from fault


def _text(kind: str, cursor: int, **fields: Any) -> str:
    return json.dumps({"type": kind, "cursor": cursor, **fields}, separators=(",", ":"))
