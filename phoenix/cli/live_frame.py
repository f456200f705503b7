"""One picture of a running experiment, as lines of styled text; pure, and the same without colour."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from phoenix.cli.live_marks import course, interval_bar, progress_bar, scale_labels
from phoenix.cli.live_state import Sight
from phoenix.domain.decision.phrases import percent, signed_percent
from phoenix.domain.metrics import Metric
from phoenix.domain.phases import OnPromote, Phase
from phoenix.domain.samples import Variant
from phoenix.services.views.conclusions import approval_sentence, next_step
from phoenix.services.views.ticks import Tick
from phoenix.services.views.wording import (
    MISSING,
    amount,
    clean,
    critical_sentence,
    elapsed,
    inequality,
    span,
    standing,
    state_of,
)

COURSES = (
    Metric.SERIES,
    Metric.DATAPOINTS_PER_SECOND,
    Metric.COLLECTOR_CPU_CORES,
    Metric.COLLECTOR_MEMORY_BYTES,
)
COURSE_LABELS = ("series", "points", "CPU", "memory")
BEFORE_THE_VERDICT = (
    Phase.PENDING,
    Phase.VALIDATING,
    Phase.DEPLOYING,
    Phase.STARTING_LOAD,
    Phase.WARMING_UP,
    Phase.MEASURING,
)
SILENCE_SECONDS = 60.0
"""A driver reports at each scrape and each step; starting a collector on a busy host takes the longest."""

COLOURS = {"pass": "green", "fail": "red", "open": "yellow"}


def frame(sight: Sight, width: int, height: int = 100) -> Text:
    """The whole picture.

    Args:
        sight: What is known.
        width: Of the terminal, in characters; below 60 lines will wrap.
        height: Of the terminal; a low one loses the empty lines first.
    """
    width = max(60, min(width, 120))
    lines = [
        _title(sight),
        _phase_line(sight),
        _meaning(sight),
        *_approval(sight),
        *_trouble(sight),
        Text(),
        *_time(sight, width),
        *_courses(sight, width),
        *_objective(sight, width),
        *_criteria(sight),
    ]
    if sum(-(-max(1, len(line)) // width) for line in lines) >= height:
        lines = [line for line in lines if line.plain]
    return Text("\n").join(lines)


def _title(sight: Sight) -> Text:
    s = sight.summary
    pipelines = f"{s['baseline']['pipeline']} → {s['candidate']['pipeline']}"
    return Text.assemble((clean(s["name"]), "bold"), f" ({s['id']})  ", clean(pipelines))


def _phase_line(sight: Sight) -> Text:
    shown = [p for p in Phase if not p.is_over and p is not Phase.PENDING and _is_expected(p, sight)]
    words: list[Text] = []
    for phase in shown:
        name = phase.verb
        if phase is sight.phase:
            words.append(Text(f"▶ {name}", "bold reverse"))
        elif phase in sight.phases:
            words.append(Text(f"✓ {name}", "green"))
        else:
            words.append(Text(f"· {name}", "dim"))
    return Text("  ").join(words)


def _is_expected(phase: Phase, sight: Sight) -> bool:
    """A promotion is announced only where the experiment may come to one; a rollback is a person's."""
    if phase is Phase.ROLLING_BACK:
        return phase in sight.phases
    if phase is Phase.AWAITING_APPROVAL:
        return phase in sight.phases or sight.spec.on_promote is OnPromote.APPROVE
    if phase in (Phase.PROMOTING, Phase.WATCHING):
        return phase in sight.phases or sight.spec.on_promote is not OnPromote.REPORT
    return True


def _meaning(sight: Sight) -> Text:
    meaning = sight.phase.meaning
    if sight.phase is Phase.PENDING and sight.silent_for is None:
        meaning = "recorded; its flow has not begun, nothing runs on a host yet"
    if sight.waits_for and not sight.phase.is_over:
        meaning = f"waiting for {', '.join(sight.waits_for)}: another run has it"
    return Text.assemble((f"{sight.phase.verb}: ", "bold"), meaning)


def _approval(sight: Sight) -> Iterator[Text]:
    if sight.phase is Phase.AWAITING_APPROVAL:
        yield Text(approval_sentence(sight.summary, sight.now), "bold yellow")
        yield Text(next_step(sight.summary), "yellow")


def _time(sight: Sight, width: int) -> Iterator[Text]:
    spec = sight.spec
    took = elapsed(sight.summary, sight.now)
    wanted = spec.warmup + spec.minimum_scrapes
    left = (wanted - sight.last_number) * spec.scrape_interval.total_seconds()
    line = f"elapsed {span(took) if took is not None else MISSING}"
    line += f"  scrape {sight.last_number:,}"
    # What comes after the measurement no longer waits for scrapes, however few there were.
    is_waiting = sight.phase in BEFORE_THE_VERDICT
    longest = span(spec.maximum_duration.total_seconds())
    if is_waiting and left > 0:
        line += f" of at least {wanted:,}, {span(left)} to go; at most {longest}"
    elif is_waiting:
        line += f" of at most {spec.last_scrape():,} in {longest}; minimum passed"
    yield Text(line)
    share = sight.last_number / wanted if is_waiting else 1.0
    # Without a number beside it a bar says nothing to a screen reader.
    yield Text(f"{progress_bar(share, width - 8)} {100 * min(1.0, share):4.0f} %")


def _courses(sight: Sight, width: int) -> Iterator[Text]:
    if not sight.ticks:
        return
    room = (width - 10) // 2
    yield Text()
    yield Text(f"{'':10}{'baseline':<{room}}{'candidate'}", "bold")
    for metric, label in zip(COURSES, COURSE_LABELS, strict=True):
        values = {v: [tick.values[v].get(metric) for tick in sight.ticks] for v in Variant}
        top = max((x for column in values.values() for x in column if x is not None), default=None)
        # Both from zero to the same top: the cut is what the eye sees.
        cells = [_course_cell(metric, values[v], room - 2, top).ljust(room) for v in Variant]
        yield Text(f"{label:<10}{''.join(cells)}".rstrip())
    if not sight.spec.critical_processes:
        return
    kept = [_kept(sight.ticks[-1], variant).ljust(room) for variant in Variant]
    yield Text(f"{'critical':<10}{''.join(kept)}".rstrip())
    yield Text(f"{'candidate':<10}{_critical(sight.summary)}")


def _course_cell(metric: Metric, values: Sequence[float | None], width: int, top: float | None) -> str:
    figure = amount(metric, values[-1]).rjust(12)
    return f"{figure} {course(values, width - 14, top)}"


def _kept(tick: Tick, variant: Variant) -> str:
    alive, missed = tick.critical[variant], tick.missed[variant]
    if alive is None or missed is None:
        return f"{MISSING:>12} not read"
    return f"{f'{alive - missed} of {alive}':>12} exported now"


def _critical(summary: Mapping[str, Any]) -> str:
    if summary["alpha"] is None:
        return "misses are counted from the end of the warm-up on"
    return critical_sentence(summary["critical"], summary["alpha"])


def _objective(sight: Sight, width: int) -> Iterator[Text]:
    if not sight.summary["criteria"]:
        return
    criterion = sight.summary["criteria"][0]
    value, lower, upper, limit = (criterion[key] for key in ("value", "lower", "upper", "limit"))
    low = -1.0 if min(x for x in (lower, value, 0.0) if x is not None) < 0 else 0.0
    bounds = None if lower is None or upper is None else (lower, upper)
    place = 1 + round((limit - low) / (1 - low) * (width - 3))
    words = signed_percent if low < 0 else percent
    yield Text()
    yield Text.assemble(("objective: ", "bold"), f"{inequality(criterion)}; now {standing(criterion)}")
    style = COLOURS[state_of(criterion["passed"]).word]
    yield Text(interval_bar(low, 1.0, bounds, value, limit, width), style)
    yield Text(scale_labels(words(low), f"{percent(limit)} wanted", words(1.0), place, width), "dim")
    if sight.widths:
        figure = f"interval {100 * sight.widths[-1]:.1f} points wide "
        yield Text(figure + course(sight.widths, width - len(figure)))


def _criteria(sight: Sight) -> Iterator[Text]:
    criteria = sight.summary["criteria"]
    if not criteria:
        return
    yield Text()
    if notes := dict.fromkeys(note for c in criteria if (note := _why_open(c))):
        yield Text(f"criteria {' '.join(notes)}", "dim")
    wanted = [inequality(c) for c in criteria]
    column = max(len(text) for text in wanted)
    bound = sight.summary["critical"]["missUpperBound"]
    for criterion, text in zip(criteria, wanted, strict=True):
        state = state_of(criterion["passed"])
        line = f" {text:<{column}}  {standing(criterion, bound)}"
        yield Text.assemble((f"{state.symbol} {state.word}", COLOURS[state.word]), line)


def _why_open(criterion: Mapping[str, Any]) -> str:
    """Why a criterion is open though its figures look good."""
    found = re.search(r"\(not judged: .*\)$", criterion["reason"])
    return found[0] if found else ""


def _trouble(sight: Sight) -> Iterator[Text]:
    reasons = sight.summary["validity"]["reasons"]
    lines = [*(f"not valid: {r}" for r in reasons), *sight.trouble]
    if sight.ticks:
        lines += sight.ticks[-1].errors
    if sight.summary["error"]:
        lines.append(f"error: {sight.summary['error']}")
    longest = SILENCE_SECONDS + 3 * sight.spec.scrape_interval.total_seconds()
    if sight.silent_for is not None and sight.silent_for > longest:
        lines.append(f"no sign of life from its driver for {span(sight.silent_for)}: run phoenix recover")
    for line in lines:
        yield Text(f"✗ {clean(line)}", "red")
