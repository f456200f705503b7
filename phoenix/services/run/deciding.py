"""Acts on a verdict: promotes and watches, or sees to it that production was not touched."""

from functools import partial

from phoenix.adapters.ports import Host
from phoenix.domain.decision.comparison import Comparison, Verdict
from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.phases import Decision, OnPromote, Outcome
from phoenix.domain.stages import stages
from phoenix.services.approvals import BREACH, answer_to
from phoenix.services.concurrency import everywhere
from phoenix.services.run import promoting, watching
from phoenix.services.run.context import Run
from phoenix.services.run.ending import outcome_without_promotion


def act(run: Run, comparison: Comparison) -> None:
    """Do what the spec asks for after this verdict; the run's outcome says what was done."""
    answer = answer_to(run.store, run.id)
    is_approved = answer is not None and answer.decision is Decision.PROMOTE
    if comparison.verdict is Verdict.PROMOTE and (is_approved or run.spec.on_promote is OnPromote.AUTO):
        promote(run)
        return
    _leave_production(run)
    run.outcome = outcome_without_promotion(comparison.verdict, run.spec.on_promote, answer)


def promote(run: Run) -> None:
    """Hand production over stage by stage, watch each, and take all of it back on the first breach or failure."""
    try:
        breach = _roll_out(run)
    except BaseException:
        # A promotion that nobody finished proves nothing: what was there before stays.
        promoting.take_back(run)
        raise
    run.outcome = Outcome.REVERTED if breach else Outcome.PROMOTED


def _roll_out(run: Run) -> str:
    """What was breached, in words; "" where every stage held."""
    reached = 0
    rollout = stages(run.hosts)
    for number, stage in enumerate(rollout, 1):
        facts = {"of": len(rollout), "hosts": [host.name for host in stage]}
        with run.step(f"stage:{number}", facts) as outcome:
            promoting.hand_over(run, stage)
            reached += len(stage)
            is_soak = number < len(rollout)
            if breach := watching.watch(run, run.hosts[:reached], partial(_revert, run), is_soak=is_soak):
                outcome["breach"] = breach
                return breach
    return ""


def _revert(run: Run, breach: str) -> None:
    run.note(BREACH, {"reason": breach})
    promoting.take_back(run)


def _leave_production(run: Run) -> None:
    """Check that the active pipelines are those that this experiment found; it touched none.

    Raises:
        StateError: If this experiment's candidate serves somewhere; nothing is undone then.
    """
    for _, fault in everywhere(run.hosts, lambda host: _leave(run, host)):
        if not isinstance(fault, DependencyError):
            raise fault


def _leave(run: Run, host: Host) -> None:
    with run.step(f"leave@{host.name}") as outcome:
        active = host.active()
        outcome["active"] = active.place if active else None
        if active is not None and active.owner == run.id:
            raise StateError(f"{host.name} runs this experiment's candidate although nobody promoted it.")
