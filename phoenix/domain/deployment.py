"""What is remembered of deployments: the revisions of each host, saved targets, and clean-ups that are still owed.

A host numbers its own revisions. The states of a host's revisions are the ledger of its deployments: an intent is a
PENDING revision, and at most one revision of a host is ACTIVE at any moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from phoenix.domain.record import Driver


class RevisionState(StrEnum):
    """Where a revision stands on its host."""

    PENDING = "pending"
    """Its intent is written; it may run beside the active one."""
    ACTIVE = "active"
    """It serves."""
    REPLACED = "replaced"
    """Another one serves; this one can be rolled back to."""
    FAILED = "failed"
    """It never served, or was taken back."""
    REMOVED = "removed"
    """A person deleted it."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One deployment of one configuration on one host; it holds no secret.

    Attributes:
        host: The host's canonical target.
        number: Given by the host, ascending, never given again.
        owner: Under which the host knows it: `dep-` and eight letters or digits, or an experiment's id.
        name: The deployment's name.
        pipeline: The pipeline's display name.
        version: sha256 of the pipeline's own part.
        digest: sha256 of `config`.
        config: The whole configuration, YAML text; secrets stand in it only as `${env:...}` or `${file:...}`.
        reason: Why it exists: `deploy`, `rollback to 3`, `promotion of exp-...`.
        by: Who asked for it, `user@machine`.
        created_at: UTC.
        parameters: What the pipeline was rendered with, JSON-compatible.
        variables: Names of the environment variables that `config` takes, never their values.
        state: Where it stands.
        previous: Number of the revision that it takes the place of; None where nothing served.
        error: Why it failed; "" otherwise.
        driver: The process that is carrying it out; None when nobody is.
        activated_at: When it last began to serve, UTC; None before it did.
        ended_at: When it ceased to serve or failed, UTC; None until then.
    """

    host: str
    number: int
    owner: str
    name: str
    pipeline: str
    version: str
    digest: str
    config: str
    reason: str
    by: str
    created_at: datetime
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    variables: tuple[str, ...] = ()
    state: RevisionState = RevisionState.PENDING
    previous: int | None = None
    error: str = ""
    driver: Driver | None = None
    activated_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """A clean-up that a host still needs, because it did not answer when it was due.

    Attributes:
        host: The host's canonical target.
        owner: Whose processes, files and lease may still be there.
        why: Why it was not done, for a person.
        since: When it was first owed, UTC.
    """

    host: str
    owner: str
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """A target saved under a name.

    Attributes:
        name: What a person calls it.
        uri: The target it stands for; it holds no secret.
        labels: What it can be selected by.
        created_at: UTC.
        block: Name of the block that lends what logs in there; "" where none does.
    """

    name: str
    uri: str
    labels: Mapping[str, str]
    created_at: datetime
    block: str = ""
