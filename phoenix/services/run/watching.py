"""Holds promoted pipelines against the guardrails: after each stage for a while, in the end for the time asked for."""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from phoenix.adapters.ports import Host
from phoenix.domain.decision.watch import WATCH_WARMUP, breaches
from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.experiment import ExperimentSpec
from phoenix.domain.phases import Phase
from phoenix.domain.samples import Scrape
from phoenix.manifests.plan import lifetime
from phoenix.services.concurrency import open_everywhere
from phoenix.services.measuring.measurement import Measurement
from phoenix.services.run import promoting
from phoenix.services.run.context import Run

SOAK_SHARE = 0.25
"""Of the spec's `watch`, after each stage but the last: a fleet of five stages (up to 90 hosts) is watched twice as long
as a single host."""

SOAK_SCRAPES = 20
"""At least so many, unless the whole watch has fewer: one failed reading is then within the 5 % that a watch bears."""


def watch(
    run: Run, hosts: Sequence[Host], on_breach: Callable[[str], object], *, is_soak: bool = False
) -> str:
    """Scrape the active pipelines until the watch is over or a guardrail is breached.

    Args:
        run: The run.
        hosts: Where the candidate was promoted so far.
        on_breach: Told what was breached, before anything else is done.
        is_soak: More hosts follow: watch for a share of the time only, by the same rules.

    Returns:
        What was breached, in words; "" where everything held.

    Raises:
        RunStopped: If a stop was asked for.
    """
    run.enter(Phase.WATCHING)
    rounds = WATCH_WARMUP + (soak_scrapes if is_soak else watch_scrapes)(run.spec)
    ticker = run.schedule()
    design = run.design(hosts)
    history: list[Scrape] = []
    switched = {host.name: promoting.pid_on(run, host) for host in hosts}
    with (
        ThreadPoolExecutor(len(hosts), "watch") as threads,
        open_everywhere(hosts, lambda host: _measurement(run, host)) as measurements,
    ):
        for number in range(1, rounds + 1):
            ticker.wait()
            run.check_stop()
            is_measured = number > WATCH_WARMUP
            started = [
                threads.submit(m.scrape, number, ticker.elapsed, measured=is_measured) for m in measurements
            ]
            history += [scrape.result() for scrape in started]
            deaths = [words for words in threads.map(partial(_death, run, switched), hosts) if words]
            if found := (*deaths, *breaches(history, design, is_last=number == rounds)):
                breach = "; ".join(found)
                on_breach(breach)
                return breach
    return ""


def watch_scrapes(spec: ExperimentSpec) -> int:
    """Measured scrapes of the whole watch."""
    return max(1, math.ceil(spec.watch / spec.scrape_interval))


def soak_scrapes(spec: ExperimentSpec) -> int:
    """Measured scrapes after a stage that others follow."""
    whole = watch_scrapes(spec)
    return min(whole, max(SOAK_SCRAPES, math.ceil(SOAK_SHARE * whole)))


@contextmanager
def _measurement(run: Run, host: Host) -> Generator[Measurement]:
    active = host.active()
    if active is None:
        raise StateError(f"Somebody removed the active pipeline of {host.name} while it was watched.")
    with host.open_census(run.id, lifetime(run.spec)) as census:
        yield Measurement(host, None, active, census, run.spec.critical_processes, run.spec.scrape_interval)


def _death(run: Run, switched: Mapping[str, int | None], host: Host) -> str:
    """Why the promoted pipeline does not serve, in words; "" while it does, or nobody can be asked.

    A host out of reach shows nothing fresh in its scrapes, and that is a breach after a few.
    """
    try:
        active = host.active()
        if active is None or active.owner != run.id:
            return f"{host.name} runs another pipeline than the promoted one"
        reason = host.exit_reason(active.place)
    except DependencyError:
        return ""
    since = switched[host.name]
    if not reason and since is not None and active.pid != since:
        # A supervisor that starts it again hides a crash from whoever looks in between.
        reason = f"it was started again since the switch (pid {since} then, {active.pid} now)"
    return f"the promoted pipeline on {host.name} died: {reason}" if reason else ""
