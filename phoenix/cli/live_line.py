"""Where a running experiment stands in one plain line, for logs and pipes."""

from phoenix.cli.live_state import Sight
from phoenix.domain.metrics import Metric
from phoenix.domain.phases import Phase
from phoenix.domain.samples import Variant
from phoenix.services.views.conclusions import approval_sentence, next_step
from phoenix.services.views.wording import amount, clean, elapsed, span, standing, state_of

SHOWN = (
    (Metric.SERIES, "series"),
    (Metric.COLLECTOR_CPU_CORES, "CPU"),
    (Metric.COLLECTOR_MEMORY_BYTES, "memory"),
)


def line_of(sight: Sight) -> str:
    """Phase, time, figures, objective, criteria; one line, no escape codes."""
    s = sight.summary
    took = elapsed(s, sight.now)
    parts = [f"{clean(s['name'])}: {sight.phase.value.replace('_', ' ')}"]
    if took is not None:
        parts[0] += f" at {span(took)}"
    elif sight.phase is Phase.PENDING and sight.silent_for is None:
        parts[0] += ": its flow has not begun, nothing runs on a host yet"
    elif sight.phase is Phase.PENDING:
        parts[0] += ": its flow is starting"
    if sight.waits_for and not sight.phase.is_over:
        parts.append(f"waiting for {', '.join(sight.waits_for)}: another run has it")
    if sight.phase is Phase.AWAITING_APPROVAL:
        parts += [approval_sentence(s, sight.now), next_step(s)]
    elif sight.last_number:
        wanted = sight.spec.warmup + sight.spec.minimum_scrapes
        parts.append(f"scrape {sight.last_number:,} of at least {wanted:,}")
    if not sight.phase.is_over:
        parts += _figures(sight)
    if s["criteria"]:
        parts.append(f"objective {standing(s['criteria'][0])}")
        states = [state_of(c["passed"]).word for c in s["criteria"]]
        parts.append(", ".join(f"{states.count(word)} {word}" for word in ("pass", "fail", "open")))
    if s["error"]:
        parts.append(f"error: {clean(s['error']).splitlines()[0]}")
    return "; ".join(parts)


def _figures(sight: Sight) -> list[str]:
    if not sight.ticks:
        return []
    values = sight.ticks[-1].values
    return [
        f"{label} {' -> '.join(amount(metric, values[v].get(metric)) for v in Variant)}"
        for metric, label in SHOWN
    ]
