"""An experiment as text for people: where it stands, how the variants compare, what it came to."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from phoenix.cli.text import grid, paragraph, section, text_width
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import ExperimentRecord
from phoenix.services.views.conclusions import approval_sentence, headline_of, next_step
from phoenix.services.views.summaries import summarise
from phoenix.services.views.wording import (
    MISSING,
    amount,
    clean,
    confidence,
    critical_sentence,
    elapsed,
    inequality,
    interval_text,
    is_range_rule,
    label_of,
    missed_sentences,
    share,
    span,
    standing,
    state_of,
    times,
)

Summary = Mapping[str, Any]

LIST_COLUMNS = ("name", "id", "phase", "verdict", "outcome", "scrapes", "cut", "started", "took")
COMPARE_COLUMNS = ("metric", "baseline", "candidate", "reduction", "lower", "upper", "criteria", "passed")


def list_row(record: ExperimentRecord) -> dict[str, Any]:
    """One line of `phoenix experiment list`; its keys are `LIST_COLUMNS`."""
    summary = summarise(record)
    objective = summary["criteria"][0] if summary["criteria"] else None
    took = elapsed(summary, datetime.now(UTC))
    return {
        "name": clean(record.name),
        "id": record.id,
        "phase": record.phase.value,
        "verdict": summary["verdict"] if record.phase.is_over else None,
        "outcome": None if record.outcome is Outcome.NONE else record.outcome.value,
        "scrapes": summary["scrapes"],
        "cut": share(objective["value"]) if objective and objective["value"] is not None else None,
        "started": f"{record.started_at:%Y-%m-%d %H:%M}" if record.started_at else None,
        "took": None if took is None else span(took),
    }


def status_text(summary: Summary) -> str:
    """Where it stands: phase, figures so far, what is open."""
    phase = Phase(summary["phase"])
    now = datetime.now(UTC)
    took = elapsed(summary, now)
    asked = approval_sentence(summary, now)
    facts = [
        ("experiment", f"{clean(summary['name'])} ({summary['id']})"),
        ("phase", f"{phase.value}: {phase.meaning}"),
        ("outcome", Outcome(summary["outcome"]).meaning if phase.is_over else MISSING),
        *([("approval", asked)] if asked else []),
        ("baseline", _pipeline(summary["baseline"])),
        ("candidate", _pipeline(summary["candidate"])),
        ("targets", clean(", ".join(summary["targets"]))),
        ("started", _moment(summary["startedAt"])),
        ("finished" if phase.is_over else "running for", _time(summary, phase, took)),
        ("scrapes", f"{summary['scrapes']:,} paired after the warm-up"),
    ]
    parts = [_headline(summary), grid(facts), *_figures(summary), *_remarks(summary), _next(summary)]
    return "\n\n".join(part for part in parts if part)


def comparison_text(summary: Summary) -> str:
    """Both variants, the effects with their intervals, every criterion."""
    if not summary["metrics"]:
        return f"{_headline(summary)}\n\nNothing has been measured yet."
    parts = [_headline(summary), *_figures(summary), *_remarks(summary)]
    return "\n\n".join(part for part in parts if part)


def verdict_text(summary: Summary) -> str:
    """The end of a run: verdict, why, figures, criteria, warnings, what to do next."""
    took = elapsed(summary)
    length = times(summary["scrapes"], "paired scrape")
    ran = f"{length}, {span(took)}" if took is not None else length
    outcome = paragraph(f"{Outcome(summary['outcome']).meaning} ({ran})", "  ")
    why = section("Why", *(paragraph(clean(reason), "  - ", "    ") for reason in summary["reasons"]))
    top = f"{_headline(summary)}\n{outcome}"
    parts = [top, _error(summary), why, *_figures(summary), *_remarks(summary, error=False), _next(summary)]
    return "\n\n".join(part for part in parts if part)


def _headline(summary: Summary) -> str:
    head = headline_of(summary)
    return paragraph(f"{head.state.symbol} {head.word}: {head.sentence}", "", "  ")


def _figures(summary: Summary) -> list[str]:
    if not summary["metrics"]:
        return []
    return [_metrics(summary), _criteria(summary), _critical(summary)]


def _metrics(summary: Summary) -> str:
    """What was measured (exact) and what it lets one expect (an interval), side by side and apart."""
    rows = [("", "baseline", "candidate", "cut", f"{confidence(summary['alpha'])} interval")]
    caveat = False
    for name, metric in summary["metrics"].items():
        effect = metric["effect"] or {}
        star = "*" if is_range_rule(metric["effect"]) else ""
        caveat = caveat or bool(star)
        rows.append(
            (
                label_of(name),
                amount(name, metric["baseline"]),
                amount(name, metric["candidate"]),
                share(effect.get("estimate")),
                interval_text(effect.get("lower"), effect.get("upper")) + star,
            )
        )
    notes = ["  * by the range rule: a heuristic, no error rate stands behind it"] if caveat else []
    return section("Measured in the window (exact), and the cut to expect (interval)", grid(rows), *notes)


def _criteria(summary: Summary) -> str:
    wide = text_width() >= 100
    bound = summary["critical"]["missUpperBound"]
    lines = [("", "criterion", "found", *(("role",) if wide else ()))]
    for criterion in summary["criteria"]:
        state = state_of(criterion["passed"])
        line = (f"{state.symbol} {state.word}", inequality(criterion), standing(criterion, bound))
        lines.append((*line, criterion["role"]) if wide else line)
    return section("Criteria", grid(lines)) if summary["criteria"] else ""


def _critical(summary: Summary) -> str:
    critical = summary["critical"]
    return section(
        "Critical processes",
        paragraph(critical_sentence(critical, summary["alpha"]), "  "),
        *(paragraph(line, "  - ", "    ") for line in missed_sentences(critical["missed"])),
        *(
            paragraph(f"{line} by the baseline", "  - ", "    ")
            for line in missed_sentences(critical["missedByBaseline"])
        ),
    )


def _remarks(summary: Summary, *, error: bool = True) -> list[str]:
    invalid = [paragraph(clean(r), "  - ", "    ") for r in summary["validity"]["reasons"]]
    findings = [
        paragraph(clean(f"{f['severity']}: {f['path']}: {f['reason']} ({f['fix']})"), "  - ", "    ")
        for f in summary["findings"]
    ]
    left_out = [paragraph(clean(f"{o['host']}: {o['why']}"), "  - ", "    ") for o in summary["leftOut"]]
    return [
        section("Left out", *left_out),
        section("Not valid, because", *invalid),
        section("Findings about the configurations", *findings),
        _error(summary) if error else "",
    ]


def _error(summary: Summary) -> str:
    if not summary["error"]:
        return ""
    return section("Error", *(paragraph(line, "  ", "    ") for line in clean(summary["error"]).splitlines()))


def _next(summary: Summary) -> str:
    return paragraph(f"Next: {next_step(summary)}", "", "  ")


def _pipeline(pipeline: Mapping[str, Any]) -> str:
    return f"{clean(pipeline['pipeline'])} (version {str(pipeline['version'])[:12]})"


def _moment(iso: str | None) -> str:
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S %Z}" if iso else MISSING


def _time(summary: Summary, phase: Phase, took: float | None) -> str:
    if took is None:
        return MISSING
    return f"{_moment(summary['finishedAt'])}, after {span(took)}" if phase.is_over else span(took)
