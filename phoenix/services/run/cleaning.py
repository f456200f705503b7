"""Leaves every host as the ledger says: no process, port, file or lease of the experiment, and checks that."""

from collections.abc import Callable

from phoenix.adapters.ports import Host
from phoenix.domain.errors import DependencyError
from phoenix.domain.phases import Phase
from phoenix.domain.record import EventKind
from phoenix.domain.samples import Variant
from phoenix.services.run.context import Run


def clean_up(run: Run) -> None:
    """Undo everything, on every host, whatever fails on the way.

    Raises:
        DependencyError: If something is left; names it all. The first fault is chained.
    """
    faults: list[Exception] = []
    # The hosts are cleaned even if the ledger cannot be written: what runs there costs, a missing line does not.
    _guarded(lambda: run.enter(Phase.CLEANING_UP), faults)
    _guarded(run.sessions.close, faults)
    for host in run.hosts:
        _clean_host(run, host, faults)
    if faults:
        raise DependencyError(
            "The clean-up is not complete: " + "; ".join(str(fault) for fault in faults),
            code="cleanup_incomplete",
            hint="phoenix recover tries again",
        ) from faults[0]


def _check_host(run: Run, host: Host) -> None:
    left = host.leftovers(run.id)
    kind = EventKind.FAILED if left else EventKind.DONE
    run.store.append(run.id, kind, f"clean@{host.name}", {"left": list(left)})
    if left:
        raise DependencyError(f"{host.name} still has: {'; '.join(left)}")


def _clean_host(run: Run, host: Host, faults: list[Exception]) -> None:
    _guarded(lambda: run.store.append(run.id, EventKind.INTENT, f"clean@{host.name}", {}), faults)
    for variant in Variant:
        _guarded(lambda place=variant.value: _stop_and_keep_log(run, host, place), faults)
    _guarded(lambda: host.clear(run.id), faults)
    _guarded(lambda: host.release(run.id), faults)
    _guarded(lambda: _check_host(run, host), faults)


def _stop_and_keep_log(run: Run, host: Host, place: str) -> None:
    running = host.collector(place)
    # A run that did not get the host must not end the collectors of the one that has it.
    if running is not None and running.owner == run.id:
        run.archive.write(
            run.id, f"logs/{place}@{host.name.replace('/', '_')}.log", host.stop_collector(place)
        )


def _guarded(action: Callable[[], object], faults: list[Exception]) -> None:
    """One fault must not keep the rest from being cleaned; each is reported in the end."""
    try:
        action()
    except Exception as fault:  # noqa: BLE001 - collected, not swallowed: clean_up raises them all
        faults.append(fault)
