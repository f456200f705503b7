"""How a load run may change, wherever it is kept; the tests' fake holds to it too.

STARTING -> RUNNING -> ENDING -> ENDED, and from each to a later one only. Each rule takes the run and returns it
changed, or the very same where there is nothing to change, so that a store applies it in one transaction.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from phoenix.adapters.store.encoding import as_utc, exact, plain, storable
from phoenix.domain.errors import StateError
from phoenix.domain.load.run import LoadEnding, LoadRun, LoadState, LoadStatus
from phoenix.domain.record import Driver

_TIMES = ("created_at", "deadline", "heartbeat_at", "started_at", "ended_at")
_AT_WORK = (LoadState.STARTING, LoadState.RUNNING)


def stored(run: LoadRun) -> LoadRun:
    """`run` as it comes back from a store.

    Raises:
        ValueError: A text that is compared later cannot be kept as it is, or a moment has no time zone.
        TypeError: The request is no JSON.
    """
    moments = {key: getattr(run, key) for key in _TIMES}
    return replace(
        run,
        **{key: exact(getattr(run, key)) for key in ("id", "name", "experiment", "profile")},
        **{key: None if moment is None else as_utc(moment) for key, moment in moments.items()},
        targets=tuple(exact(target) for target in run.targets),
        request=plain(run.request),
        hosts=_stored_hosts(run.hosts),
        left=_stored_words(run.left),
        ending=run.ending and _stored_ending(run.ending),
        stop_requested=None if run.stop_requested is None else storable(run.stop_requested),
    )


def claimed(run: LoadRun, driver: Driver, instead_of: Driver | None, now: datetime) -> LoadRun:
    """With a new driver.

    Raises:
        StateError: It is over, or its driver is not the one that the claimant saw.
    """
    if run.is_over:
        raise StateError(f"{run.name} is over.", code="load_over", hint="phoenix loadsim status")
    if run.driver != instead_of:
        raise driven(run)
    return replace(run, driver=driver, heartbeat_at=as_utc(now))


def released(run: LoadRun, left: Mapping[str, str]) -> LoadRun:
    """With nobody who drives it, and what is left where."""
    return run if run.is_over else replace(run, driver=None, left=_stored_words(left))


def updated(run: LoadRun, hosts: Mapping[str, LoadStatus], now: datetime) -> LoadRun:
    """With what some hosts achieve, and a heartbeat."""
    if run.is_over:
        return run
    return replace(run, hosts={**run.hosts, **_stored_hosts(hosts)}, heartbeat_at=as_utc(now))


def running(run: LoadRun, at: datetime) -> LoadRun:
    """With all processes standing."""
    if run.state is not LoadState.STARTING:
        return run
    return replace(run, state=LoadState.RUNNING, started_at=as_utc(at))


def stop_requested(run: LoadRun, reason: str) -> LoadRun:
    """With a stop request."""
    if run.state not in _AT_WORK or run.stop_requested is not None:
        return run
    return replace(run, stop_requested=storable(reason))


def ending(run: LoadRun, why: LoadEnding) -> LoadRun:
    """About to end."""
    if run.state not in _AT_WORK:
        return run
    return replace(run, state=LoadState.ENDING, ending=_stored_ending(why))


def finished(run: LoadRun, now: datetime) -> LoadRun:
    """Over, with nothing left; ValueError if nobody said why."""
    if run.is_over:
        return run
    if run.ending is None:
        raise ValueError(f"{run.id} cannot be over: nobody said why")
    return replace(run, state=LoadState.ENDED, ended_at=as_utc(now), driver=None, left={})


def driven(run: LoadRun) -> StateError:
    """The error for a load run that has a driver already."""
    return StateError(
        f"{run.name} is being kept by another process.",
        code="driven",
        hint=f"phoenix loadsim status {run.name}",
        details={"load": run.id},
    )


def duplicate(load: str) -> StateError:
    """The error for an id that was given before."""
    return StateError(
        f"A load run {load} exists already.",
        code="duplicate_load_run",
        hint=f"phoenix loadsim status {load}",
        details={"load": load},
    )


def name_taken(name: str) -> StateError:
    """The error for the name of a run that is not over."""
    return StateError(
        f"A load run {name} is not over.",
        code="name_taken",
        hint=f"choose another name, or phoenix loadsim stop {name}",
    )


def _stored_hosts(hosts: Mapping[str, LoadStatus]) -> dict[str, LoadStatus]:
    return {exact(target): replace(one, error=storable(one.error)) for target, one in hosts.items()}


def _stored_words(left: Mapping[str, str]) -> dict[str, str]:
    return {exact(target): storable(words) for target, words in left.items()}


def _stored_ending(why: LoadEnding) -> LoadEnding:
    return replace(why, words=storable(why.words), hint=storable(why.hint))
