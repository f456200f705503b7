"""Load runs and load profiles as rows and text."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from phoenix.cli.output import Format, write, write_document
from phoenix.cli.target_hosts import write_answer
from phoenix.cli.text import grid, paragraph
from phoenix.domain.durations import format_duration
from phoenix.domain.load.run import LoadRun, LoadStatus
from phoenix.services.loads.summaries import achieved_rate, requested_rate, summarise
from phoenix.services.views.wording import clean, size

if TYPE_CHECKING:
    from phoenix.services.loads.starting import Offer

RUN_COLUMNS = (
    "name",
    "experiment",
    "profile",
    "duration",
    "status",
    "started",
    "requested",
    "achieved",
    "rate",
)
HOST_COLUMNS = (
    "host",
    "requested",
    "achieved",
    "rate",
    "late p99",
    "cpu",
    "memory",
    "contained by",
    "capped",
    "trouble",
)


def write_runs(runs: tuple[LoadRun, ...], form: Format) -> None:
    """One line for each run."""
    if form in (Format.JSON, Format.YAML):
        write_document([summarise(run) for run in runs], form)
    else:
        write_answer([run_row(run) for run in runs], RUN_COLUMNS, form, "no load was started yet")


def write_run(run: LoadRun, form: Format) -> None:
    """One run, host by host."""
    if form in (Format.JSON, Format.YAML):
        write_document(summarise(run), form)
        return
    if form is Format.TABLE:
        write(run_text(run) + "\n")
    write_answer([host_row(run, target) for target in run.targets], HOST_COLUMNS, form)


def run_row(run: LoadRun) -> dict[str, object]:
    """One line of `phoenix loadsim status`; its keys are `RUN_COLUMNS`."""
    return {
        "name": clean(run.name),
        "experiment": run.experiment or None,
        "profile": clean(run.profile),
        "duration": format_duration(run.deadline - run.created_at),
        "status": state_words(run),
        "started": _moment(run.started_at or run.created_at),
        "requested": run.requested,
        "achieved": run.achieved,
        "rate": _rate(requested_rate(run), achieved_rate(run)),
    }


def host_row(run: LoadRun, target: str) -> dict[str, object]:
    """One host's line; its keys are `HOST_COLUMNS`."""
    status = run.hosts.get(target)
    trouble = run.left.get(target) or (status.error if status else "")
    row: dict[str, object] = {"host": target, **(_figures(status) if status else {})}
    return {**row, "trouble": clean(trouble.partition("\n")[0]) or None}


def run_text(run: LoadRun) -> str:
    """What is known of a run as a whole."""
    facts = [
        ("load", f"{clean(run.name)} ({run.id})"),
        ("profile", clean(run.profile)),
        *([("experiment", run.experiment)] if run.experiment else []),
        ("status", state_words(run)),
        ("started", _moment(run.started_at) or "not yet"),
        ("ended", _moment(run.ended_at)) if run.ended_at else ("deadline", _moment(run.deadline)),
        ("processes", f"{run.achieved:,} of {run.requested:,}"),
        *([("rate", rate)] if (rate := _rate(requested_rate(run), achieved_rate(run))) else []),
        *_urls(run),
    ]
    text = grid([(name, value or "") for name, value in facts], "")
    if run.ending is None:
        return text
    return f"{text}\n\n{paragraph(clean(ending_words(run)))}"


def state_words(run: LoadRun) -> str:
    """The state in a word or two."""
    if run.ending is not None:
        return f"{run.state.value} ({run.ending.why.value})"
    return "stopping" if run.stop_requested is not None else run.state.value


def standing_words(run: LoadRun) -> str:
    """That it runs, where and until when, in one line."""
    rate = _rate(requested_rate(run), achieved_rate(run))
    with_rate = f", {rate} short-lived" if rate else ""
    return (
        f"{clean(run.name)}: {run.achieved:,} of {run.requested:,} processes{with_rate} on "
        f"{', '.join(run.targets)} until {_moment(run.deadline)} UTC"
    )


def ending_words(run: LoadRun) -> str:
    """How it ended, in one line."""
    if run.ending is None:
        return f"{clean(run.name)}: {run.state.value}"
    proof = f"; nothing of it is left on {', '.join(run.targets)}" if run.is_over else ""
    return f"{clean(run.name)}: {run.ending.why.value}: {clean(run.ending.words)}{proof}"


def profile_row(offer: "Offer") -> dict[str, object]:
    """One line of `phoenix loadsim list-profiles`."""
    plan = offer.plan
    return {
        "profile": offer.profile.name,
        "aliases": ", ".join(offer.profile.aliases) or None,
        "description": clean(offer.profile.description),
        "processes": plan.processes,
        "churn": f"{plan.churn_per_second:g}/s" if plan.churn_per_second else None,
        "resource impact": f"{plan.cpu_cores:.2g} cores, {size(plan.memory_bytes)}",
    }


def _figures(status: LoadStatus) -> Mapping[str, Any]:
    return {
        "requested": status.requested,
        "achieved": status.achieved,
        "rate": _rate(status.requested_rate, status.achieved_rate),
        "late p99": None if status.lateness_p99 is None else f"{status.lateness_p99 * 1000:.1f} ms",
        "cpu": None if status.cpu_cores is None else f"{status.cpu_cores:.3f} cores",
        "memory": None if status.memory_bytes is None else size(status.memory_bytes),
        "contained by": status.contained_by or None,
        "capped": ", ".join(status.capped) or None,
    }


def _rate(requested: float, achieved: float | None) -> str | None:
    if not requested:
        return None
    return f"{'-' if achieved is None else f'{achieved:.1f}'} of {requested:.1f}/s"


def _urls(run: LoadRun) -> list[tuple[str, str]]:
    urls = [(target, status.metrics_url) for target, status in run.hosts.items() if status.metrics_url]
    return [("metrics", f"{url} on {target}") for target, url in urls]


def _moment(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
