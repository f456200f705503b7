"""Holds a promoted pipeline against the guardrails for the time the spec asks for."""

import math
from contextlib import ExitStack

from phoenix.adapters.ports import Host
from phoenix.domain.decision.watch import WATCH_WARMUP, breaches
from phoenix.domain.errors import StateError
from phoenix.domain.phases import Phase
from phoenix.domain.samples import Scrape
from phoenix.manifests.plan import lifetime
from phoenix.services.measuring.measurement import Measurement
from phoenix.services.measuring.ticker import Ticker
from phoenix.services.run.context import Run


def watch(run: Run) -> str:
    """Scrape the active pipelines until the watch is over or a guardrail is breached.

    Returns:
        What was breached, in words; "" where everything held.

    Raises:
        RunStopped: If a stop was asked for.
    """
    run.enter(Phase.WATCHING)
    rounds = WATCH_WARMUP + max(1, math.ceil(run.spec.watch / run.spec.scrape_interval))
    ticker = Ticker(run.spec.scrape_interval, run.halted)
    history: list[Scrape] = []
    with ExitStack() as sessions:
        measurements = [_open(run, host, sessions) for host in run.hosts]
        for number in range(1, rounds + 1):
            ticker.wait()
            run.check_stop()
            history += [
                m.scrape(number, ticker.elapsed, measured=number > WATCH_WARMUP) for m in measurements
            ]
            if found := (*_deaths(run), *breaches(history, run.design(), is_last=number == rounds)):
                return "; ".join(found)
    return ""


def _open(run: Run, host: Host, sessions: ExitStack) -> Measurement:
    active = host.active()
    if active is None:
        raise StateError(f"Somebody removed the active pipeline of {host.name} while it was watched.")
    census = sessions.enter_context(host.open_census(run.id, lifetime(run.spec)))
    return Measurement(host, None, active, census, run.spec.critical_processes, run.spec.scrape_interval)


def _deaths(run: Run) -> tuple[str, ...]:
    found: list[str] = []
    for host in run.hosts:
        active = host.active()
        if active is None or active.owner != run.id:
            found.append(f"{host.name} runs another pipeline than the promoted one")
        elif reason := host.exit_reason(active.place):
            found.append(f"the promoted pipeline on {host.name} died: {reason}")
    return tuple(found)
