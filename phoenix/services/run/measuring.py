"""Scrapes both variants until the comparison decides, the time is up, or something ends the run."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from phoenix.adapters.ports import Host
from phoenix.domain.decision.comparison import Comparison, Verdict, compare
from phoenix.domain.decision.pairing import is_sound
from phoenix.domain.phases import Phase
from phoenix.domain.samples import Scrape, Variant
from phoenix.manifests.plan import lifetime
from phoenix.services.concurrency import open_everywhere
from phoenix.services.measuring.measurement import Measurement
from phoenix.services.measuring.ticker import Tick, Ticker
from phoenix.services.run.context import Run
from phoenix.services.run.deploying import first_death, withdraw
from phoenix.services.run.judging import save
from phoenix.services.run.loading import load_fault

OnScrape = Callable[[int, Comparison | None], None]
"""Told after each scrape: its number and the comparison so far, None in the warm-up."""


def collect(run: Run, on_scrape: OnScrape) -> None:
    """Take scrapes, record each, and look at the comparison after each from the end of the warm-up on.

    Raises:
        RunStopped: If a stop was asked for; looked at before each scrape.
    """
    run.enter(Phase.WARMING_UP)
    with (
        ThreadPoolExecutor(len(run.hosts), "scrape") as threads,
        open_everywhere(run.hosts, lambda host: measurement(run, host)) as measurements,
    ):
        run.ticker = ticker = run.schedule()
        history: list[Scrape] = []
        is_aligned = is_measuring = False
        for tick in ticker.ticks(run.spec.last_scrape()):
            run.check_stop()
            scrapes = _scrape(measurements, threads, tick, ticker, run.spec.warmup)
            run.store.add_scrapes(run.id, scrapes)
            history.extend(scrapes)
            ages = _export_ages(scrapes)
            if not is_aligned and tick.number <= run.spec.warmup and len(ages) == len(scrapes) * len(Variant):
                ticker.align(ages)
                is_aligned = True
            # Not the very number: a tick that was left out takes its number with it.
            ends_warmup = not is_measuring and tick.number >= run.spec.warmup
            if ends_warmup:
                run.enter(Phase.MEASURING)
                is_measuring = True
            if _is_over(run, history, on_scrape, ends_warmup=ends_warmup):
                return


def _scrape(
    measurements: Sequence[Measurement], threads: Executor, tick: Tick, ticker: Ticker, warmup: int
) -> list[Scrape]:
    """All hosts at once: one that is slow must not make the others late."""
    is_measured = tick.number > warmup
    started = [
        threads.submit(m.scrape, tick.number, ticker.elapsed, measured=is_measured) for m in measurements
    ]
    return [scrape.result() for scrape in started]


def _export_ages(scrapes: Sequence[Scrape]) -> list[float]:
    samples = [sample for scrape in scrapes for v in Variant if (sample := scrape.arm(v)) is not None]
    return [sample.export_age_seconds for sample in samples if sample.export_age_seconds is not None]


@contextmanager
def measurement(run: Run, host: Host) -> Generator[Measurement]:
    """The measurement of both variants on a host, with fresh eyes."""
    with host.open_census(run.id, lifetime(run.spec)) as census:
        baseline, candidate = (host.collector(variant.value) for variant in Variant)
        if baseline is None or candidate is None:
            raise AssertionError("a variant was not deployed")
        yield Measurement(
            host, baseline, candidate, census, run.spec.critical_processes, run.spec.scrape_interval
        )


def _is_over(run: Run, history: Sequence[Scrape], on_scrape: OnScrape, *, ends_warmup: bool) -> bool:
    number = history[-1].number
    ended = _ended_early(run, history, ends_warmup=ends_warmup)
    if ended:
        run.note("interrupted", {"reason": ended, "scrape": number})
    if number <= run.spec.warmup and not ended:
        on_scrape(number, None)
        return False
    comparison = compare(history, run.design(), ended)
    save(run, comparison)
    if comparison.verdict is Verdict.ROLL_BACK:
        # What does harm goes at once, before anybody is told and anything is written about it.
        withdraw(run, Variant.CANDIDATE)
    on_scrape(number, comparison)
    is_late = history[-1].at_seconds >= run.spec.maximum_duration.total_seconds()
    return bool(ended) or is_late or comparison.verdict is not Verdict.INCONCLUSIVE


def _ended_early(run: Run, history: Sequence[Scrape], *, ends_warmup: bool) -> str:
    """What makes going on pointless, in words; "" while nothing does."""
    for host in _unread(run, history):
        if reason := first_death(host):
            return reason
    if reason := load_fault(run):
        return reason
    warmup = [scrape for scrape in history if scrape.number <= run.spec.warmup] if ends_warmup else []
    if missing := _never_matched(warmup):
        return f"no living process matches {', '.join(missing)}; retention cannot be judged"
    return ""


def _unread(run: Run, history: Sequence[Scrape]) -> Sequence[Host]:
    """Hosts of which the newest scrape lacks something: what answers has not died."""
    newest = [scrape for scrape in history[-len(run.hosts) :] if scrape.number == history[-1].number]
    unread = {s.host for s in newest if not (is_sound(s.baseline) and is_sound(s.candidate))}
    return [host for host in run.hosts if host.name in unread]


def _never_matched(warmup: Sequence[Scrape]) -> list[str]:
    """Patterns that matched nothing on a host in the whole warm-up."""
    never: dict[str, set[str]] = {}
    for scrape in warmup:
        never.setdefault(scrape.host, set(scrape.unmatched)).intersection_update(scrape.unmatched)
    return [f"{pattern!r} on {host}" for host, patterns in never.items() for pattern in sorted(patterns)]
