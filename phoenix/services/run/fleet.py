"""Acts on all hosts of a run at once, and does what the spec asks for where one of them fails."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from copy import copy

from phoenix.adapters.ports import Host
from phoenix.domain.decision.fleet import MINIMUM_HOSTS
from phoenix.domain.errors import PhoenixError, SpecError
from phoenix.domain.phases import OnHostFailure
from phoenix.services.concurrency import AT_ONCE
from phoenix.services.run import cleaning
from phoenix.services.run.context import GivenUpError, Run, RunStopped

_LOOK_SECONDS = 1.0
"""So often the driver says that it lives, keeps the leases and looks for a stop, while the hosts work."""


def on_each_host(
    run: Run, act: Callable[[Host], object], hosts: Sequence[Host] | None = None, *, may_skip: bool = True
) -> None:
    """Act on every host, several at once; what has begun on one is seen through, whatever happens on others.

    Where the spec skips hosts that fail, such a one is cleaned up and left out. A configuration that is refused is no
    fault of its host.

    Args:
        run: The run.
        act: Called once for each host, in threads of its own.
        hosts: All of the run, where left out.
        may_skip: Whether the spec's wish to skip applies here.

    Raises:
        RunStopped: A stop was asked for.
        PhoenixError: Of the first host that failed, where that ends the run.
    """
    wanted = tuple(run.hosts if hosts is None else hosts)
    skips = may_skip and run.spec.on_host_failure is OnHostFailure.SKIP
    faults = _faults(run, act, wanted, until_first=not skips)
    for host, fault in faults.items():
        if not skips or not isinstance(fault, PhoenixError) or isinstance(fault, SpecError | RunStopped):
            raise _of(host, fault, run) from fault
    if faults:
        _leave_out(run, faults)


def _faults(
    run: Run, act: Callable[[Host], object], hosts: Sequence[Host], *, until_first: bool
) -> Mapping[Host, BaseException]:
    if not hosts:
        return {}
    run.gives_up.clear()
    with ThreadPoolExecutor(min(AT_ONCE, len(hosts)), "hosts") as threads:
        started = {host: threads.submit(act, host) for host in hosts}
        try:
            _await(run, set(started.values()), FIRST_EXCEPTION if until_first else ALL_COMPLETED)
        finally:
            run.gives_up.set()
            for future in started.values():
                future.cancel()
    ended = {host: future.exception() for host, future in started.items() if not future.cancelled()}
    faults = {host: fault for host, fault in ended.items() if fault is not None}
    # Whoever was broken off knows nothing; a stop is no fault of a host.
    return dict(sorted(faults.items(), key=lambda item: isinstance(item[1], GivenUpError)))


def _await(run: Run, pending: set[Future[object]], until: str) -> None:
    run.check_stop()
    while pending:
        done, pending = wait(pending, _LOOK_SECONDS, until)
        if until == FIRST_EXCEPTION and any(future.exception() for future in done):
            return
        if pending:
            run.check_stop()


def _leave_out(run: Run, faults: Mapping[Host, BaseException]) -> None:
    left = len(run.hosts) - len(faults)
    asked = len(run.spec.targets)
    # Fewer than these can say nothing about other hosts, which is what a fleet is asked for.
    needed = MINIMUM_HOSTS if asked >= MINIMUM_HOSTS else 1
    if left < needed:
        host, fault = next(iter(faults.items()))
        counted = f"; {left} of {asked} hosts are left, at least {needed} must be" if asked > 1 else ""
        raise _of(host, fault, run, counted) from fault
    # A host that cannot be cleaned up is on the list of what is owed then, or fails the run with what is left there.
    cleaning.clean_hosts(run, tuple(faults))
    for host, fault in faults.items():
        run.leave_out(host, str(fault))


def _of(host: Host, fault: BaseException, run: Run, addition: str = "") -> BaseException:
    """The same fault, naming the host where it is one of several, and what followed from it."""
    if not isinstance(fault, PhoenixError):
        return fault
    told = copy(fault)
    is_named = host.name in fault.message or len(run.spec.targets) == 1
    told.message = f"{'' if is_named else f'{host.name}: '}{fault.message}{addition}"
    told.args = (told.message,)
    return told
