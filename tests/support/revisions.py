"""Revisions as a deployment makes them."""

from dataclasses import replace
from datetime import datetime, timedelta

from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.deployment import Revision, RevisionState
from tests.support.clocks import START

HOST = "ssh://ops@web-1.example:22"
PENDING, ACTIVE, REPLACED, FAILED, REMOVED = RevisionState


def a_revision(number: int = 1, host: str = HOST, **fields: object) -> Revision:
    plain = Revision(
        host=host,
        number=number,
        owner="dep-aaaaaaaa",
        name="web",
        pipeline="process-topk-v1",
        version="ab" * 32,
        digest="cd" * 32,
        config="receivers:\n  hostmetrics: {}\n",
        reason="deploy",
        by="ops@laptop",
        created_at=START,
    )
    return replace(plain, **fields)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def bring(store: DeploymentStore, number: int, state: RevisionState, host: str = HOST) -> None:
    """Begin the revision and lead it to `state` the way a deployment does."""
    store.begin(a_revision(number, host))
    if state in (ACTIVE, REPLACED):
        store.activate(host, number, later(number))
    if state is REPLACED:
        store.begin(a_revision(number + 100, host))
        store.activate(host, number + 100, later(number + 100))
        store.remove(host, number + 100)
    if state is FAILED:
        store.fail(host, number, "no data")
    if state is REMOVED:
        store.remove(host, number)
    assert store.get(host, number).state is state


def states(store: DeploymentStore, host: str = HOST) -> dict[int, RevisionState]:
    return {revision.number: revision.state for revision in reversed(store.history(host))}
