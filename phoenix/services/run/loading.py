"""Starts the load simulation on every host and hands it to the run, which ends it with its sessions."""

from contextlib import ExitStack

from phoenix.adapters.ports import Host
from phoenix.domain.phases import Phase
from phoenix.manifests.plan import lifetime
from phoenix.services.run.context import Run
from phoenix.services.run.fleet import on_each_host


def start_load(run: Run) -> None:
    """Start what the plan asks for; nothing where it asks for no load.

    Raises:
        DependencyError: If the generator does not reach the population asked for.
    """
    run.enter(Phase.STARTING_LOAD)
    if run.plan.load is None:
        run.note("load", {"processes": 0})
        return
    request = run.plan.load

    def start(host: Host) -> None:
        with run.step(f"load@{host.name}") as outcome:
            load = host.start_load(run.id, request, lifetime(run.spec))
            session = run.sessions.setdefault(host.name, ExitStack()).enter_context(load)
            run.loads.append(session)
            status = session.status()
            outcome.update(requested=status.requested, achieved=status.achieved)

    on_each_host(run, start)


def load_fault(run: Run) -> str | None:
    """Why the load ended although nobody asked; None while it runs."""
    return next((f"the load ended: {status.error}" for s in run.loads if (status := s.status()).error), None)
