"""Acts on a verdict: promotes and watches, or sees to it that production was not touched."""

from phoenix.domain.decision.comparison import Comparison, Verdict
from phoenix.domain.errors import StateError
from phoenix.domain.phases import OnPromote, Outcome
from phoenix.services.run import promoting, watching
from phoenix.services.run.context import Run
from phoenix.services.run.ending import outcome_without_promotion


def act(run: Run, comparison: Comparison) -> None:
    """Do what the spec asks for after this verdict; the run's outcome says what was done."""
    if comparison.verdict is Verdict.PROMOTE and run.spec.on_promote is OnPromote.AUTO:
        promote(run)
        return
    _leave_production(run)
    run.outcome = outcome_without_promotion(comparison.verdict, run.spec.on_promote)


def promote(run: Run) -> None:
    """Hand production over, watch it, and take it back on a breach."""
    promoting.hand_over(run)
    try:
        breach = watching.watch(run)
    except BaseException:
        # A watch that nobody finished proves nothing: what was there before stays.
        promoting.take_back(run)
        raise
    if breach:
        run.note("breach", {"reason": breach})
        promoting.take_back(run)
    run.outcome = Outcome.REVERTED if breach else Outcome.PROMOTED


def _leave_production(run: Run) -> None:
    """End the candidate and check that the active pipeline is the one this experiment found.

    Raises:
        StateError: If somebody else changed it meanwhile; nothing is undone then.
    """
    for host in run.hosts:
        with run.step(f"leave@{host.name}") as outcome:
            active = host.active()
            outcome["active"] = active.place if active else None
            if active is not None and active.owner == run.id:
                raise StateError(f"{host.name} runs this experiment's candidate although nobody promoted it.")
