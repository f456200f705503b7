"""The report of an experiment: one HTML file that needs no network and no script."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from phoenix.adapters.archive import Archive
from phoenix.domain.experiment import ExperimentDocument, read_document
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Event, ExperimentRecord
from phoenix.domain.samples import Scrape
from phoenix.manifests.plan import Plan
from phoenix.services.run.context import design_of
from phoenix.services.views import wording
from phoenix.services.views.charts import draw
from phoenix.services.views.conclusions import headline_of, next_step
from phoenix.services.views.histories import moments_of
from phoenix.services.views.report_charts import charts_of
from phoenix.services.views.summaries import summarise

if TYPE_CHECKING:
    from jinja2 import Template

LIMITS = (
    "The intervals hold at every look for stationary noise; slow drift hidden under noise, rare large spikes and"
    " switching levels need longer runs than the minimum. The verdict speaks of the tested hosts, load and time; misses"
    " of critical processes rarer than their bound would not have been seen."
)
"""What a reader must know before acting on the verdict."""


REPORT = "report.html"
"""In the experiment's folder."""


def report_path(archive: Archive, experiment: str) -> Path:
    """Where the report of an experiment is written."""
    return archive.folder(experiment) / REPORT


def write_report(
    archive: Archive, record: ExperimentRecord, scrapes: Sequence[Scrape], events: Sequence[Event]
) -> Path:
    """Write the report into the experiment's folder; returns where."""
    return archive.write(record.id, REPORT, render_report(record, scrapes, events))


def render_report(record: ExperimentRecord, scrapes: Sequence[Scrape], events: Sequence[Event]) -> str:
    """The report as HTML; pure.

    Args:
        record: With or without a result.
        scrapes: All of them, warm-up included.
        events: The ledger, oldest first.
    """
    summary = summarise(record)
    document = read_document(record.document["document"])
    return _template().render(
        s=summary,
        w=wording,
        head=headline_of(summary),
        outcome=Outcome(summary["outcome"]).meaning,
        next_step=next_step(summary),
        facts=list(_facts(summary, document, record)),
        charts=drawn_charts(record, scrapes),
        in_words=_unsaid(summary),
        bound=summary["critical"]["missUpperBound"],
        moments=moments_of(events),
        took=wording.elapsed(summary),
        is_over=Phase(summary["phase"]).is_over,
        has_range_rule=any(wording.is_range_rule(m["effect"]) for m in summary["metrics"].values()),
        limits=LIMITS,
        moment=_moment,
    )


def drawn_charts(record: ExperimentRecord, scrapes: Sequence[Scrape]) -> list[tuple[str, str]]:
    """Title and SVG; the hosts are those that were scraped, in the order in which they first came."""
    document = read_document(record.document["document"])
    plan = Plan.from_document(cast("Mapping[str, Any]", record.document["plan"]))
    hosts = tuple(dict.fromkeys(scrape.host for scrape in scrapes))
    charts = charts_of(scrapes, design_of(document, plan, hosts)) if hosts else []
    return [(chart.title, draw(chart, f"chart{number}")) for number, chart in enumerate(charts, start=1)]


def _load(written: Mapping[str, Any]) -> str:
    fields = [f"{key} {value}" for key, value in written.items() if key != "settings"]
    settings = [f"{key}={value}" for key, value in written.get("settings", {}).items()]
    return ", ".join([*fields, *settings]) or "none simulated"


def _facts(
    summary: Mapping[str, Any], document: ExperimentDocument, record: ExperimentRecord
) -> Iterable[tuple[str, str]]:
    spec = document.spec
    written = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    for side in ("baseline", "candidate"):
        yield side, _pipeline(summary[side], written[side].get("parameters") or {})
    yield "targets", ", ".join(summary["targets"])
    for one in summary["leftOut"]:
        yield "left out", f"{one['host']}: {one['why']}"
    yield "load", _load(written.get("load") or {})
    yield "scrape interval", f"{written['scrapeInterval']}, both variants"
    yield (
        "length",
        (
            f"{spec.warmup} scrapes to warm up, then at least {spec.minimum_scrapes},"
            f" for at most {written['maximumDuration']}"
        ),
    )
    yield (
        "error rate",
        f"alpha {spec.alpha:g}: intervals at {wording.confidence(spec.alpha)} confidence, at every look",
    )
    yield "critical processes", ", ".join(spec.critical_processes) or "none named"
    yield "on PROMOTE", spec.on_promote.value
    yield "started", _moment(record.started_at)
    yield "finished", _moment(record.finished_at)


def _unsaid(summary: Mapping[str, Any]) -> list[str]:
    """Every criterion in words; nothing where the verdict's reasons say all of it already."""
    said = "\n".join(summary["reasons"])
    reasons = [str(c["reason"]) for c in summary["criteria"]]
    return reasons if any(reason not in said for reason in reasons) else []


def _pipeline(pipeline: Mapping[str, Any], parameters: Mapping[str, object]) -> str:
    given = "".join(f", {key} = {value}" for key, value in parameters.items())
    return f"{pipeline['pipeline']}{given} (version {str(pipeline['version'])[:12]})"


def _moment(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else wording.MISSING


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("phoenix.services.views"),
        autoescape=True,
        finalize=_unbroken,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sentence"] = _sentence
    return environment.get_template("report.html.j2")


def _sentence(text: str) -> str:
    """With a capital first letter; unlike `capitalize` it leaves the names further on alone."""
    return text[:1].upper() + text[1:]


def _unbroken(value: object) -> object:
    """Keep a number and its percent sign on one line; markup is ready as it is."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return value.replace(" %", "\N{NO-BREAK SPACE}%")
    return value
