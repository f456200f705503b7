"""Answers an experiment that waits for approval, from a terminal."""

from typing import TYPE_CHECKING

from phoenix.adapters.drivers import is_alive, person
from phoenix.cli.experiment_run import await_end, exit_code_of_promotion
from phoenix.cli.experiment_view import verdict_text
from phoenix.cli.live import follow
from phoenix.cli.output import write
from phoenix.domain.phases import Decision
from phoenix.services.views.summaries import summarise

if TYPE_CHECKING:
    from phoenix.cli.exit_codes import ExitCode
    from phoenix.composition import Phoenix


def approve_to_the_end(phoenix: "Phoenix", experiment: str, reason: str) -> "ExitCode":
    """Approve, follow; exit 0 if the candidate is active in the end. Ctrl-C ends the looking, not the promotion."""

    def is_driven() -> bool:
        record = phoenix.experiments.get(experiment)
        return not record.phase.is_over and is_alive(record)

    phoenix.approvals.decide(experiment, Decision.PROMOTE, reason, person())
    follow(phoenix.store, experiment, poll=is_driven)
    phoenix.recovery.recover(wait_for_stopping=False)
    ended = phoenix.experiments.get(experiment)
    write(verdict_text(summarise(ended)) + f"\nreport: {phoenix.experiments.report(ended)}")
    return exit_code_of_promotion(ended, phoenix.experiments.failed_for(ended))


def decline_to_the_end(phoenix: "Phoenix", experiment: str, reason: str) -> "ExitCode":
    """Decline, and wait until the experiment is cleaned up and over."""
    phoenix.approvals.decide(experiment, Decision.DECLINE, reason, person())
    return await_end(phoenix, experiment)
