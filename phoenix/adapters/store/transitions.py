"""How the states of one host's revisions may change, wherever they are kept; the tests' fake holds to it too.

Each rule takes the states by number and returns the changes by number, so that a store applies them in one
transaction. At most one of the result is ACTIVE if at most one of the given was.

    from        activate    fail        fail(restored=...)   remove
    PENDING     ACTIVE      FAILED      refused              REMOVED
    ACTIVE      -           FAILED      -                    REMOVED
    REPLACED    ACTIVE      refused     ACTIVE               REMOVED
    FAILED      refused     -           refused              REMOVED
    REMOVED     refused     refused     refused              -
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from phoenix.domain.deployment import Revision, RevisionState
from phoenix.domain.errors import StateError

States = Mapping[int, RevisionState]

_SHOWN = 10
"""Numbers that a hint lists; a host's newest ones are what a person looks for."""

_UNENDED = frozenset({RevisionState.PENDING, RevisionState.ACTIVE})


def intent(revision: Revision) -> Revision:
    """`revision`, which is to be begun; ValueError if it is not PENDING."""
    if revision.state is not RevisionState.PENDING:
        raise ValueError(f"a revision begins pending, not {revision.state}")
    return revision


def activation(host: str, number: int, states: States) -> dict[int, RevisionState]:
    """What changes when `number` begins to serve; nothing if it does already.

    Raises:
        StateError: There is no such revision, or it is FAILED or REMOVED.
    """
    match state_of(host, number, states):
        case RevisionState.ACTIVE:
            return {}
        case RevisionState.PENDING | RevisionState.REPLACED:
            return _serving(number, states)
        case state:
            raise _not_from(host, number, state, "cannot serve")


def failure(host: str, number: int, states: States, restored: int | None) -> dict[int, RevisionState]:
    """What changes when `number` has failed and `restored` serves again.

    Raises:
        StateError: There is no such revision, `number` neither serves nor is to, or `restored` never served.
        ValueError: Both are the same revision.
    """
    if number == restored:
        raise ValueError(f"revision {number} cannot take the place of itself")
    state = state_of(host, number, states)
    if state not in {*_UNENDED, RevisionState.FAILED}:
        raise _not_from(host, number, state, "cannot fail")
    after = {**states, number: RevisionState.FAILED}
    back = {} if restored is None else _restoring(host, restored, after)
    if state is RevisionState.FAILED:
        # Said once more, perhaps late: whatever serves by now is newer than this wish.
        return {} if RevisionState.ACTIVE in states.values() else back
    return {number: RevisionState.FAILED, **back}


def removal(host: str, number: int, states: States) -> dict[int, RevisionState]:
    """What changes when a person deletes `number`; StateError if there is no such revision."""
    is_removed = state_of(host, number, states) is RevisionState.REMOVED
    return {} if is_removed else {number: RevisionState.REMOVED}


def stamps(was: RevisionState, to: RevisionState, at: datetime) -> dict[str, datetime | None]:
    """The moments of a revision that change with its state."""
    if to is RevisionState.ACTIVE:
        return {"activated_at": at, "ended_at": None}
    return {"ended_at": at} if was in _UNENDED else {}


def state_of(host: str, number: int, states: States) -> RevisionState:
    """StateError `unknown_revision` if there is no such revision."""
    if number not in states:
        raise unknown_revision(host, number, states)
    return states[number]


def unknown_revision(host: str, number: int, numbers: Iterable[int]) -> StateError:
    """The error for a revision that is not there, with the newest that are."""
    known = sorted(numbers, reverse=True)
    shown = ", ".join(str(other) for other in known[:_SHOWN])
    older = f" and {len(known) - _SHOWN} older" if len(known) > _SHOWN else ""
    return StateError(
        f"{host} has no revision {number}.",
        code="unknown_revision",
        hint=f"It has {shown}{older}." if known else "Nothing was deployed there yet.",
        details={"host": host, "revision": number, "known": known},
    )


def revision_exists(host: str, number: int) -> StateError:
    """The error for a number that the host gave before."""
    return StateError(
        f"{host} has a revision {number} already.",
        code="revision_exists",
        hint="Another deployment may be under way there: phoenix pipeline status",
        details={"host": host, "revision": number},
    )


def driven(host: str, number: int) -> StateError:
    """The error for a revision that another process is carrying out."""
    return StateError(
        f"Revision {number} of {host} is being carried out by another process.",
        code="driven",
        hint="Wait for it: phoenix pipeline status --watch",
        details={"host": host, "revision": number},
    )


def _serving(number: int, states: States) -> dict[int, RevisionState]:
    replaced = (other for other, state in states.items() if state is RevisionState.ACTIVE)
    # The one that serves no more comes first: the database refuses two at any statement.
    return {**dict.fromkeys(replaced, RevisionState.REPLACED), number: RevisionState.ACTIVE}


def _restoring(host: str, number: int, states: States) -> dict[int, RevisionState]:
    match state_of(host, number, states):
        case RevisionState.ACTIVE:
            return {}
        case RevisionState.REPLACED:
            return _serving(number, states)
        case state:
            raise _not_from(host, number, state, "cannot serve again")


def _not_from(host: str, number: int, state: RevisionState, what: str) -> StateError:
    return StateError(
        f"Revision {number} of {host} is {state}: it {what}.",
        code="revision_state",
        hint="phoenix pipeline history",
        details={"host": host, "revision": number, "state": str(state)},
    )
