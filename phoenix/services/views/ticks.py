"""One value a tick for both variants, over all hosts: what the charts and the live view draw."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from phoenix.domain.decision.effects import SUMMED
from phoenix.domain.metrics import NATURES, Metric
from phoenix.domain.samples import Scrape, Variant


@dataclass(frozen=True, slots=True)
class Tick:
    """Both variants at one tick, over all hosts.

    Attributes:
        number: Of the scrape.
        at_seconds: Since the first tick of the run, s.
        values: By variant and metric; a metric that a host lacks is absent, for a sum of some hosts is none.
        critical: By variant, the critical processes that had to be exported; None where a host was not read.
        missed: By variant, those of them that were not exported; None as `critical`.
        errors: Why arms could not be read, in words.
    """

    number: int
    at_seconds: float
    values: Mapping[Variant, Mapping[Metric, float]]
    critical: Mapping[Variant, int | None]
    missed: Mapping[Variant, int | None]
    errors: tuple[str, ...]


def ticks_of(scrapes: Iterable[Scrape]) -> list[Tick]:
    """Sum the hosts up.

    Args:
        scrapes: By number, as the store returns them.
    """
    return [_tick(number, list(group)) for number, group in groupby(scrapes, key=lambda s: s.number)]


def _tick(number: int, scrapes: Sequence[Scrape]) -> Tick:
    critical: dict[Variant, int | None] = {}
    missed: dict[Variant, int | None] = {}
    for variant in Variant:
        arms = [scrape.arm(variant) for scrape in scrapes]
        sound = [arm for arm in arms if arm is not None and not arm.error]
        is_whole = len(sound) == len(arms)
        critical[variant] = sum(arm.critical for arm in sound) if is_whole else None
        missed[variant] = sum(len(arm.missed) for arm in sound) if is_whole else None
    return Tick(
        number=number,
        at_seconds=scrapes[0].at_seconds,
        values={variant: _values(scrapes, variant) for variant in Variant},
        critical=critical,
        missed=missed,
        errors=tuple(_errors(scrapes)),
    )


def _values(scrapes: Sequence[Scrape], variant: Variant) -> dict[Metric, float]:
    arms = [arm.values if (arm := scrape.arm(variant)) else {} for scrape in scrapes]
    shared = [metric for metric in Metric if all(metric in values for values in arms)]
    return {metric: _over_hosts(metric, [values[metric] for values in arms]) for metric in shared}


def _over_hosts(metric: Metric, values: Sequence[float]) -> float:
    if metric in SUMMED:
        return sum(values)
    return min(values) if NATURES[metric].is_floor else max(values)


def _errors(scrapes: Sequence[Scrape]) -> Iterable[str]:
    for scrape in scrapes:
        for variant in Variant:
            arm = scrape.arm(variant)
            if arm is not None and arm.error:
                yield f"the {variant} on {scrape.host} was not read: {arm.error}"
