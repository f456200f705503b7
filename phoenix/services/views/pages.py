"""An experiment as Markdown pages and a table, for places that show those, such as Prefect's UI; pure."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.experiment import ExperimentDocument
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.samples import Variant
from phoenix.manifests.plan import Plan
from phoenix.services.views import wording
from phoenix.services.views.conclusions import headline_of, next_step
from phoenix.services.views.histories import Moment

Summary = Mapping[str, Any]

_STYLE = (
    "text{fill:#4f5963;font:12px system-ui,sans-serif}.grid{stroke:#d0d6dc}.axis{stroke:#4f5963}"
    ".line{fill:none;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}"
    ".baseline{stroke:#9a4a00;stroke-dasharray:7 4}.candidate,.estimate{stroke:#005fb8}"
    ".band{fill:#005fb8;fill-opacity:.22}.warmup{fill:#e9edf1}"
    ".limit{stroke:#a5121b;stroke-width:1.5;stroke-dasharray:2 3}.limit-label{fill:#a5121b}"
)
"""Of a chart that stands alone, on white whatever the page's colours: an image cannot follow them."""


def plan_page(document: ExperimentDocument, plan: Plan, configs: Mapping[Variant, str]) -> str:
    """What will run: what is asked, on which hosts, judged how, and both configurations."""
    spec = document.spec
    written = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    facts = [
        ("baseline", _pipeline(plan, Variant.BASELINE)),
        ("candidate", _pipeline(plan, Variant.CANDIDATE)),
        ("hosts", ", ".join(spec.targets)),
        ("load", _load(written.get("load"))),
        (
            "scrapes",
            f"every {written['scrapeInterval']}, {spec.warmup} to warm up, at least {spec.minimum_scrapes} after",
        ),
        ("longest", written["maximumDuration"]),
        ("error rate", f"alpha {spec.alpha:g}"),
        ("critical processes", ", ".join(f"`{p}`" for p in spec.critical_processes) or "none named"),
        ("on PROMOTE", spec.on_promote.value),
    ]
    criteria = [
        (wording.inequality({"metric": c.metric.value, "kind": c.kind.value, "limit": c.limit}), c.role.value)
        for c in spec.criteria()
    ]
    parts = [
        f"# {_safe(document.metadata.name)}: what will run",
        _table(("", "asked for"), facts),
        "## What decides",
        _table(("criterion", "role"), criteria),
        *(
            f"## Configuration of the {variant}\n\n```yaml\n{config.rstrip()}\n```"
            for variant, config in configs.items()
        ),
    ]
    return _page(parts)


def verdict_page(summary: Summary) -> str:
    """The verdict first, then why, the criteria in numbers, what was done and what to do next."""
    head = headline_of(summary)
    phase = Phase(summary["phase"])
    done = (
        wording.clean(Outcome(summary["outcome"]).meaning)
        if phase.is_over
        else f"{phase.value}: {phase.meaning}"
    )
    bound = summary["critical"]["missUpperBound"]
    criteria = [
        (_state(c["passed"]), wording.inequality(c), wording.standing(c, bound), c["role"])
        for c in summary["criteria"]
    ]
    error = str(summary["error"] or "")
    parts = [
        f"# {head.state.symbol} {head.word}",
        f"{_sentence(_safe(head.sentence))}.",
        *([f"## What went wrong\n\n```\n{wording.clean(error)}\n```"] if error else []),
        *_list("Why", summary["reasons"]),
        *(["## Criteria\n\n" + _table(("", "wanted", "found", "role"), criteria)] if criteria else []),
        *_list("Not valid, because", summary["validity"]["reasons"]),
        *_critical(summary),
        *_list("Left out", [f"{one['host']}: {one['why']}" for one in summary["leftOut"]]),
        f"## What was done\n\n{_sentence(_safe(done))}; {wording.times(summary['scrapes'], 'paired scrape')}.",
        f"## What to do next\n\n{_sentence(_commands(next_step(summary)))}.",
    ]
    return _page(parts)


def comparison_rows(summary: Summary) -> list[dict[str, str]]:
    """One row for each metric, for people: rounded, with units; what was measured, and the cut to expect."""
    interval = f"{wording.confidence(summary['alpha'])} interval"
    rows: list[dict[str, str]] = []
    for name, metric in summary["metrics"].items():
        effect = metric["effect"] or {}
        judged = [c for c in summary["criteria"] if c["metric"] == name]
        star = " (range rule)" if wording.is_range_rule(metric["effect"]) else ""
        rows.append(
            {
                "metric": wording.label_of(name),
                "baseline": wording.amount(name, metric["baseline"]),
                "candidate": wording.amount(name, metric["candidate"]),
                "cut": wording.share(effect.get("estimate")),
                interval: wording.interval_text(effect.get("lower"), effect.get("upper")) + star,
                "state": "; ".join(_state(c["passed"]) for c in judged) or wording.MISSING,
                "wanted": "; ".join(wording.inequality(c) for c in judged) or wording.MISSING,
            }
        )
    return rows


def report_page(where: str, charts: Sequence[tuple[str, str]]) -> str:
    """The charts of the report, and where the whole of it lies.

    Args:
        where: Its path and machine: a browser does not open a file of a page from the network.
        charts: Titles and `<svg>` elements.
    """
    images = [f"### {_safe(title)}\n\n![{_safe(title)}]({image_of(svg)})" for title, svg in charts]
    parts = [
        "# Report",
        f"The whole report is one HTML file that needs no network:\n\n```\n{where}\n```",
        *(images or ["Nothing was measured, so there is nothing to draw."]),
    ]
    return _page(parts)


def history_page(moments: Iterable[Moment]) -> str:
    """What the ledger says, oldest first."""
    return _page(["# What happened, UTC", "\n".join(map(_happened, moments))])


def image_of(svg: str) -> str:
    """A chart as the address of an image that holds all of it."""
    box = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    size = f'width="{box[1]}" height="{box[2]}" ' if box else ""
    alone = svg.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" {size}', 1)
    alone = alone.replace(">", f'><style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>', 1)
    return f"data:image/svg+xml;base64,{base64.b64encode(alone.encode()).decode()}"


def _happened(moment: Moment) -> str:
    title, _, meaning = moment.title.partition(": ") if moment.is_phase else (moment.title, "", "")
    name = f"**{_safe(title)}**" if moment.is_phase or moment.is_trouble else _safe(title)
    took = f" ({moment.lasted})" if moment.lasted else ""
    facts = "; ".join(_safe(text) for text in (meaning, moment.facts) if text)
    return f"- `{moment.at:%H:%M:%S}` {name}{took}{': ' if facts else ''}{facts}"


def _pipeline(plan: Plan, variant: Variant) -> str:
    arm = plan.arm(variant)
    return f"{arm.pipeline}, version `{arm.version[:12]}`"


def _load(load: Mapping[str, Any] | None) -> str:
    given = {key: value for key, value in (load or {}).items() if value != {}}
    return dump_yaml(given).strip().replace("\n", ", ") if given else "none simulated"


def _critical(summary: Summary) -> list[str]:
    if not summary["metrics"]:
        return []
    critical = summary["critical"]
    sentence = wording.critical_sentence(critical, summary["alpha"])
    missed = [f"- {_safe(line)}" for line in wording.missed_sentences(critical["missed"])]
    return ["\n".join(["## Critical processes", "", f"{_sentence(_safe(sentence))}.", "", *missed])]


def _state(passed: bool | None) -> str:
    state = wording.state_of(passed)
    return f"{state.symbol} {state.word}"


def _list(title: str, lines: Sequence[str]) -> list[str]:
    return ["\n".join([f"## {title}", "", *(f"- {_safe(line)}" for line in lines)])] if lines else []


def _commands(step: str) -> str:
    """What follows `phoenix` in a next step is to be typed."""
    return re.sub(r"(?<!`)(phoenix [a-z]+ [a-z]+ [\w.-]+(?: --[a-z]+)*)", r"`\1`", _safe(step))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(map(_safe, row)) + " |" for row in rows)])


def _safe(text: object) -> str:
    """One line that neither ends a cell nor is taken for HTML."""
    return " ".join(wording.clean(text).replace("|", "\\|").replace("<", "&lt;").split())


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"
