"""Leaves every host as the ledger says: no process, port, file or lease of the experiment, and checks that.

A host that cannot even be asked what is left there is put on the list of what is owed: recovery cleans it up when it
answers, and what runs there ends at its own deadline.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from phoenix.adapters.ports import Host
from phoenix.domain.errors import DependencyError
from phoenix.domain.phases import Phase
from phoenix.domain.record import EventKind
from phoenix.domain.samples import Variant
from phoenix.services.concurrency import everywhere
from phoenix.services.run.context import Run

OWED = "owed"
"""The ledger's note of a clean-up that is owed."""


def clean_up(run: Run) -> None:
    """Undo everything, on every host, whatever fails on the way.

    Raises:
        DependencyError: If something is left; names it all. The first fault is chained.
    """
    faults: list[Exception] = []
    # The hosts are cleaned even if the ledger cannot be written: what runs there costs, a missing line does not.
    _guarded(lambda: run.enter(Phase.CLEANING_UP), faults)
    faults += _clean(run, run.hosts)
    _raise(faults)


def clean_hosts(run: Run, hosts: Sequence[Host]) -> None:
    """Undo everything on some hosts, while the run goes on on the others.

    Raises:
        DependencyError: See `clean_up`.
    """
    _raise(_clean(run, hosts))


def stop_and_keep_log(run: Run, host: Host, variant: Variant) -> None:
    """End a variant's collector, if it is this run's, and keep the end of its log."""
    running = host.collector(variant.value)
    # A run that did not get the host must not end the collectors of the one that has it.
    if running is not None and running.owner == run.id:
        name = f"logs/{variant}@{host.name.replace('/', '_')}.log"
        run.archive.write(run.id, name, host.stop_collector(variant.value))


def _clean(run: Run, hosts: Sequence[Host]) -> list[Exception]:
    """The faults, all of them; a host that is out of reach is owed, and none."""
    faults: list[Exception] = []
    for host, fault in everywhere(hosts, lambda host: _clean_host(run, host)):
        if isinstance(fault, _OutOfReachError):
            _guarded(lambda host=host, fault=fault: _owe(run, host, fault), faults)
        else:
            faults += fault.exceptions if isinstance(fault, ExceptionGroup) else [fault]
    return faults


class _OutOfReachError(Exception):
    """The host does not even say what is left there."""


def _clean_host(run: Run, host: Host) -> None:
    faults: list[Exception] = []
    _guarded(lambda: run.store.append(run.id, EventKind.INTENT, f"clean@{host.name}", {}), faults)
    try:
        host.leftovers(run.id)
    except DependencyError as silent:
        with suppress(Exception):  # what is said of it then is that it is out of reach
            _end_sessions(run, host)
        raise _OutOfReachError(str(silent)) from silent
    _guarded(lambda: _end_sessions(run, host), faults)
    for variant in Variant:
        _guarded(lambda variant=variant: stop_and_keep_log(run, host, variant), faults)
    _guarded(lambda: host.clear(run.id), faults)
    _guarded(lambda: host.release(run.id), faults)
    _guarded(lambda: _check_host(run, host), faults)
    if faults:
        raise ExceptionGroup(host.name, faults)


def _end_sessions(run: Run, host: Host) -> None:
    if sessions := run.sessions.pop(host.name, None):
        sessions.close()


def _check_host(run: Run, host: Host) -> None:
    left = host.leftovers(run.id)
    kind = EventKind.FAILED if left else EventKind.DONE
    run.store.append(run.id, kind, f"clean@{host.name}", {"left": list(left)})
    if left:
        raise DependencyError(f"{host.name} still has: {'; '.join(left)}")


def _owe(run: Run, host: Host, silent: Exception) -> None:
    """A lease alone is not owed: it expires, and a host that was never reached would stay on the list for ever."""
    run.store.append(run.id, EventKind.FAILED, f"clean@{host.name}", {"error": str(silent)})
    if _was_worked_on(run, host):
        run.deployments.owe(host.name, run.id, str(silent))
        run.owed[host.name] = str(silent)
        run.note(OWED, {"host": host.name, "why": str(silent)})


def _was_worked_on(run: Run, host: Host) -> bool:
    on_it = [e.step.partition("@")[0] for e in run.store.events(run.id) if e.step.endswith(f"@{host.name}")]
    return any(step not in ("lease", "clean") for step in on_it)


def _raise(faults: Sequence[Exception]) -> None:
    if faults:
        raise DependencyError(
            "The clean-up is not complete: " + "; ".join(str(fault) for fault in faults),
            code="cleanup_incomplete",
            hint="phoenix recover tries again",
        ) from faults[0]


def _guarded(action: Callable[[], object], faults: list[Exception]) -> None:
    """One fault must not keep the rest from being cleaned; each is reported in the end."""
    try:
        action()
    except Exception as fault:  # noqa: BLE001 - collected, not swallowed: clean_up raises them all
        faults.append(fault)
