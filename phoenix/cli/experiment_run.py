"""Drives `phoenix experiment run`, `promote` and `rollback` from a terminal: start, show, stop on Ctrl-C, say how it ended."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.cli.exit_codes import BY_ACTOR, ExitCode
from phoenix.cli.experiment_view import verdict_text
from phoenix.cli.live import follow
from phoenix.cli.output import Format, write, write_document
from phoenix.cli.recover import opened_by
from phoenix.domain.durations import format_duration
from phoenix.domain.errors import StateError
from phoenix.domain.findings import Finding
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import ExperimentRecord
from phoenix.domain.samples import Variant
from phoenix.services.views.summaries import summarise

if TYPE_CHECKING:
    from phoenix.adapters.ports import FlowProcess
    from phoenix.composition import Phoenix
    from phoenix.services.drafts import Draft

ENDING_PATIENCE_SECONDS = 90
"""Ending two collectors, a load and a server takes up to 30 s on a loaded machine; then the person is told."""


def print_plan(draft: "Draft") -> None:
    """The rendered configurations and the steps; nothing is touched."""
    spec = draft.document.spec
    for variant in Variant:
        arm = draft.plan.arm(variant)
        write(f"# {variant}: {arm.pipeline}, version {arm.version}\n{dump_yaml(arm.measurement_config())}---")
    load = f"{spec.load.profile}, seed {spec.load.seed}" if spec.load else "none"
    steps = {
        "experiment": draft.document.metadata.name,
        "targets": list(spec.targets),
        "load": load,
        "scrapes": f"{spec.warmup} to warm up, then at least {spec.minimum_scrapes}, "
        f"every {format_duration(spec.scrape_interval)}, for at most {format_duration(spec.maximum_duration)}",
        "criteria": [
            f"{c.metric.value} {c.kind.value} {c.limit:.12g} ({c.role.value})" for c in spec.criteria()
        ],
        "onHostFailure": spec.on_host_failure.value,
        "onPromote": spec.on_promote.value,
        "warnings": [f"{f.path}: {f.reason}" for f in draft.findings],
    }
    write("# plan\n" + dump_yaml(steps))


def run_to_the_end(phoenix: "Phoenix", draft: "Draft", form: Format) -> int:
    """Record, start, follow; returns the exit code of the verdict."""
    phoenix.refuse_malformed_notifications()
    _say_findings(draft.findings)
    opened_by(phoenix)
    phoenix.installer.install(_say)
    phoenix.experiments.refuse_invalid(draft)
    record = phoenix.experiments.create(draft)
    _say(f"{record.name} ({record.id}): starting")
    _see_through(phoenix, record, phoenix.experiments.start(record), form)
    ended = phoenix.experiments.get(record.id)
    return exit_code_of_ending(ended, phoenix.experiments.failed_for(ended))


def promote_to_the_end(phoenix: "Phoenix", name: str, reason: str, variant: Variant) -> int:
    """Start the promotion, follow; exit 0 if the candidate is active in the end."""
    phoenix.refuse_malformed_notifications()
    record, process = phoenix.experiments.promote(name, reason, variant)
    _see_through(phoenix, record, process, Format.TABLE)
    ended = phoenix.experiments.get(record.id)
    return exit_code_of_promotion(ended, phoenix.experiments.failed_for(ended))


def roll_back_to_the_end(phoenix: "Phoenix", name: str, reason: str) -> int:
    """Start the rollback, follow; exit 0 if what served before serves again everywhere."""
    phoenix.refuse_malformed_notifications()
    record, process = phoenix.experiments.rollback(name, reason)
    _see_through(phoenix, record, process, Format.TABLE)
    ended = phoenix.experiments.get(record.id)
    if ended.outcome is Outcome.REVERTED:
        return ExitCode.DONE
    return BY_ACTOR[phoenix.experiments.failed_for(ended)]


def await_end(phoenix: "Phoenix", experiment: str) -> ExitCode:
    """Wait until an experiment that was asked to stop is over, and say how it ended."""
    deadline = time.monotonic() + ENDING_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        phoenix.recovery.recover(wait_for_stopping=False)
        record = phoenix.experiments.get(experiment)
        if record.phase is Phase.STOPPED:
            _say("stopped; the host is as it was")
            return ExitCode.DONE
        if record.outcome is Outcome.DECLINED:
            _say("declined; the verdict stands, and the host is as it was")
            return ExitCode.DONE
        if record.phase.is_over:
            _say(f"it was over before the stop reached it: {record.phase.value}, {record.outcome.meaning}")
            return ExitCode.NOT_POSSIBLE
        time.sleep(0.2)
    _say(f"still cleaning up after {ENDING_PATIENCE_SECONDS} s: phoenix experiment status {experiment}")
    return ExitCode.OUTSIDE_FAILED


def _see_through(phoenix: "Phoenix", record: ExperimentRecord, process: "FlowProcess", form: Format) -> None:
    _say(process.place())
    try:
        follow(phoenix.store, record.id, poll=lambda: process.poll() is None)
        _await(process)
    except KeyboardInterrupt:
        _interrupt(phoenix, record.id, process)
    phoenix.recovery.end(
        record.id, f"its driver ended with code {process.poll()} {process.last_words()}".rstrip()
    )
    ended = phoenix.experiments.get(record.id)
    report = phoenix.experiments.report(ended)
    if form in (Format.JSON, Format.YAML):
        write_document({**summarise(ended), "report": str(report)}, form)
    else:
        write(verdict_text(summarise(ended)) + f"\nreport: {report}")


def _interrupt(phoenix: "Phoenix", experiment: str, process: "FlowProcess") -> None:
    """Ask for the end and wait for it; a second Ctrl-C does not cut the clean-up short."""
    _say("stopping; cleaning up the host (this takes some seconds)")
    with suppress(StateError):  # it may end by itself at this very moment
        phoenix.experiments.stop(experiment, "interrupted on the command line")
    process.interrupt()
    while process.poll() is None:
        try:
            _await(process)
        except KeyboardInterrupt:
            _say("still cleaning up; what is left would be ended by its deadline or by phoenix recover")


def _await(process: "FlowProcess") -> None:
    while process.poll() is None:
        time.sleep(0.05)


def exit_code_of_ending(record: ExperimentRecord, failed_for: str) -> ExitCode:
    """The exit code of an experiment that is over, by its ending, its outcome, its verdict, or who can act."""
    if record.outcome is Outcome.REVERTED:
        return ExitCode.ROLL_BACK
    if record.outcome is Outcome.DECLINED:
        return ExitCode.STOPPED
    match record.phase:
        case Phase.COMPLETED:
            verdict = (record.result or {}).get("verdict")
            by_verdict = {"PROMOTE": ExitCode.DONE, "ROLL_BACK": ExitCode.ROLL_BACK}
            return by_verdict.get(str(verdict), ExitCode.INCONCLUSIVE)
        case Phase.STOPPED:
            return ExitCode.STOPPED
        case _:
            return BY_ACTOR[failed_for]


def exit_code_of_promotion(record: ExperimentRecord, failed_for: str) -> ExitCode:
    """The exit code of a promotion that a person asked for: done only if the candidate is active now."""
    if record.outcome is Outcome.PROMOTED:
        return ExitCode.DONE
    if record.outcome in (Outcome.REVERTED, Outcome.ROLLED_BACK):
        return ExitCode.ROLL_BACK
    return ExitCode.STOPPED if record.stop_requested else BY_ACTOR[failed_for]


def _say_findings(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        _say(f"{finding.severity}: {finding.path}: {finding.reason} ({finding.fix})")


def _say(line: str) -> None:
    typer.echo(line, err=True)
