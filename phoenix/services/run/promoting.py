"""Hands production over to the candidate on every host, and takes it back.

The ledger's intent holds what was active before, so that whoever finds it can restore that.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import Any

from phoenix.adapters.drivers import person
from phoenix.adapters.hosts.marks import revision_number, revision_place
from phoenix.adapters.ports import CollectorLaunch, Host, RunningCollector
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.deployment import RevisionState
from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.phases import Phase
from phoenix.domain.record import EventKind
from phoenix.services import handover
from phoenix.services.approvals import BREACH
from phoenix.services.concurrency import everywhere
from phoenix.services.handover import Wanted
from phoenix.services.run.context import Run
from phoenix.services.run.fleet import on_each_host

TAKE_BACK = "take_back"
"""The ledger's note that a promotion is being undone: whoever finds it must finish that."""

TAKE_BACK_INCOMPLETE = "take_back_incomplete"
"""Code of the error that leaves production as it should not stay; the experiment is not over then."""


def hand_over(run: Run, hosts: Sequence[Host]) -> None:
    """Let the candidate serve on `hosts`, on several at once; what it replaces there is kept as last known good.

    Raises:
        DependencyError: If data does not flow or a host fails; that host serves what it did before, and others may
            serve the candidate: the caller takes it back.
    """
    run.enter(Phase.PROMOTING)
    on_each_host(run, lambda host: _hand_over(run, host), hosts, may_skip=False)


def _hand_over(run: Run, host: Host) -> None:
    revision = handover.revision_of(host, run.deployments, _wanted(run))
    intent = {"place": revision_place(revision.number), "previous": _remembered(host, host.active())}
    with run.step(_step_on(host), intent) as outcome:
        lease = run.lease_of(host)
        running = handover.hand_over(host, lease, run.deployments, revision, pulse=run.heed_stop)
        outcome.update(pid=running.pid, version=running.version)


def _wanted(run: Run) -> Wanted:
    arm = run.plan.candidate
    return Wanted(
        owner=run.id,
        name=run.document.metadata.name,
        pipeline=arm.pipeline,
        version=arm.version,
        config=dump_yaml(arm.production_config()),
        reason=f"promotion of {run.id}",
        by=person(),
        driver=run.driver,
        parameters={},
    )


def take_back(run: Run, *, spares: Callable[[Host], bool] | None = None) -> None:
    """Restore on every host what was active before this run's promotion; nothing where it promoted nothing.

    Args:
        run: The run.
        spares: Whether a host that was promoted stays as it is; none does where left out.

    Raises:
        DependencyError: Code `take_back_incomplete`, if a host could not be restored; the others are.
    """
    faults = everywhere(run.hosts, lambda host: _restore(run, host, spares))
    if faults:
        raise DependencyError(
            f"Production was not restored everywhere: {'; '.join(str(fault) for _, fault in faults)}",
            code=TAKE_BACK_INCOMPLETE,
            hint="phoenix recover tries again",
        ) from faults[0][1]


def _restore(run: Run, host: Host, spares: Callable[[Host], bool] | None) -> None:
    promoted = _standing(run, host)
    if promoted and spares and not _is_being_taken_back(run, host) and spares(host):
        run.note("spared", {"host": host.name, "serves": _place_of(host.active())})
    elif promoted:
        # Where nothing is spared, recovery takes back what serves without that note too: a ledger that cannot be
        # written must not keep a pipeline in production that nobody watches.
        with suppress(Exception) if spares is None else nullcontext():
            run.note(TAKE_BACK, {"host": host.name})
        _take_back(run, host, promoted)
        run.store.append(run.id, EventKind.UNDONE, _step_on(host), {"active": _place_of(host.active())})


def settle(run: Run) -> None:
    """Finish this run's promotion on every host where its driver did not come to that after the switch."""
    for host in run.hosts:
        promoted = _standing(run, host)
        if promoted is None:
            continue
        previous = promoted["previous"]
        if previous and previous["place"] != _place_of(host.active()):
            host.retire(previous["place"])
        if _state(run, host, promoted["place"]) is RevisionState.PENDING:
            run.deployments.activate(host.name, _number(promoted["place"]), datetime.now(UTC))


def pid_on(run: Run, host: Host) -> int | None:
    """The process that served when this run's last hand-over there was done; None if the ledger does not say."""
    done = [e for e in run.store.events(run.id) if e.step == _step_on(host) and e.kind is EventKind.DONE]
    pid = done[-1].data.get("pid") if done else None
    return pid if isinstance(pid, int) and pid else None


def _step_on(host: Host) -> str:
    return f"promote@{host.name}"


def _standing(run: Run, host: Host) -> Mapping[str, Any] | None:
    """What this run's last promotion there set out to do; None if there was none or it was taken back."""
    ours = [e for e in run.store.events(run.id) if e.step == _step_on(host)]
    last = next((e for e in reversed(ours) if e.kind in (EventKind.INTENT, EventKind.UNDONE)), None)
    return last.data if last and last.kind is EventKind.INTENT else None


def _is_being_taken_back(run: Run, host: Host) -> bool:
    """Whether somebody began to, and died: then what serves there may be what was restored."""
    events = run.store.events(run.id)
    since = max(e.sequence for e in events if e.step == _step_on(host) and e.kind is EventKind.INTENT)
    begun = [e for e in events if e.kind is EventKind.NOTE and e.step == TAKE_BACK and e.sequence > since]
    return any(e.data["host"] == host.name for e in begun)


def _take_back(run: Run, host: Host, promoted: Mapping[str, Any]) -> None:
    place, previous = str(promoted["place"]), promoted["previous"]
    # A machine that slept may have let the lease expire; it is ours again unless somebody else took the host.
    host.renew(run.lease_of(host), run.lease_lifetime)
    to = str(previous["place"]) if previous else None
    if _place_of(host.active()) in (place, to, None):
        if previous and host.collector(str(to)) is None:
            to = _start_again(run, host, previous)
        handover.give_back(host, run.lease_of(host), place, to)
    else:
        host.stop_collector(place)
    if previous:
        # An earlier try that died before the switch left a second copy of the previous pipeline; the active one stays.
        host.clear(previous["owner"])
    _note_taken_back(run, host, place)


def _start_again(run: Run, host: Host, previous: Mapping[str, Any]) -> str:
    """The place of a new collector with the previous configuration, where the host keeps nothing of the old one."""
    place = f"revision-{host.next_revision()}"
    launch = CollectorLaunch(
        previous["owner"], previous["pipeline"], previous["version"], previous["config"], None
    )
    host.start_collector(place, launch, run.lease_of(host))
    return place


def _note_taken_back(run: Run, host: Host, place: str) -> None:
    """By the ledger too the promoted revision has failed, and what serves on the host now serves."""
    if _state(run, host, place) not in (RevisionState.PENDING, RevisionState.ACTIVE, RevisionState.FAILED):
        return  # an older Phoenix promoted it, or somebody deployed another one since
    breaches = [e for e in run.store.events(run.id) if e.kind is EventKind.NOTE and e.step == BREACH]
    why = f": {breaches[-1].data['reason']}" if breaches else ""
    active = _place_of(host.active())
    state = _state(run, host, active) if active else None
    back = _number(active) if active and state in (RevisionState.REPLACED, RevisionState.ACTIVE) else None
    run.deployments.fail(host.name, _number(place), f"the promotion was taken back{why}", restored=back)


def _state(run: Run, host: Host, place: str) -> RevisionState | None:
    """What the ledger of deployments says of a place; None if it does not know it."""
    try:
        return run.deployments.get(host.name, _number(place)).state
    except StateError:
        return None


def _number(place: str) -> int:
    return revision_number(place) or 0


def _remembered(host: Host, running: RunningCollector | None) -> dict[str, object] | None:
    if running is None:
        return None
    return {
        "place": running.place,
        "owner": running.owner,
        "pipeline": running.pipeline,
        "version": running.version,
        "config": host.config(running.place),
    }


def _place_of(running: RunningCollector | None) -> str | None:
    return running.place if running else None
