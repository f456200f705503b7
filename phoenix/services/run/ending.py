"""Brings a run to its end, however it got there: clean up first, then write down how it ended."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from phoenix.domain.decision.comparison import Verdict
from phoenix.domain.errors import PhoenixError, actor_of
from phoenix.domain.phases import Decision, OnPromote, Outcome, Phase
from phoenix.domain.record import EventKind
from phoenix.services.approvals import Answer
from phoenix.services.run import cleaning
from phoenix.services.run.context import Run, RunStopped
from phoenix.services.run.promoting import TAKE_BACK_INCOMPLETE


@contextmanager
def ended(run: Run, clean_up: Callable[[Run], object]) -> Generator[None]:
    """Run the body, then `clean_up`, then record the ending; a fault of the body is raised again after that.

    Args:
        run: The run.
        clean_up: The clean-up as the flow shows it. Where it fails, for its own or for Prefect's reasons, the
            clean-up is done once more without Prefect.
    """
    fault: BaseException | None = None
    try:
        yield
    except BaseException as error:  # noqa: BLE001 - a signal too: the hosts come first, then it is raised again
        fault = error
    try:
        _clean(run, clean_up)
    except Exception as incomplete:
        _leave_unfinished(run, incomplete)
        raise
    if isinstance(fault, PhoenixError) and fault.code == TAKE_BACK_INCOMPLETE:
        _leave_unfinished(run, fault)
        raise fault
    if fault is not None:
        _note_failure(run, fault)
    phase, outcome, error = ending_of(fault, run)
    run.store.finish(run.id, phase, outcome, with_owed(error, run))
    if fault is not None and not isinstance(fault, RunStopped):
        raise fault


def _clean(run: Run, clean_up: Callable[[Run], object]) -> None:
    try:
        clean_up(run)
    except Exception:  # noqa: BLE001 - the second try raises if the fault is not Prefect's
        cleaning.clean_up(run)


def _leave_unfinished(run: Run, fault: BaseException) -> None:
    """What is not as it should be is not over: without a driver and without an ending, recovery takes it up."""
    _note_failure(run, fault)
    run.store.drive(run.id, None)


def _note_failure(run: Run, fault: BaseException) -> None:
    """Keep who can act on the fault, for the doors: the flow's exception does not reach them."""
    data = {"error": _words(fault), "actor": actor_of(fault)}
    run.store.append(run.id, EventKind.FAILED, "run", data)


def ending_of(fault: BaseException | None, run: Run) -> tuple[Phase, Outcome, str]:
    """Phase, outcome and error with which a run ends.

    A promotion that failed or was stopped takes nothing away from the experiment it came from: that stays completed,
    with its outcome, and may be promoted again.
    """
    if fault is None:
        return Phase.COMPLETED, run.outcome, ""
    if run.is_judged:
        return Phase.COMPLETED, run.outcome, f"The {run.purpose} did not succeed: {_words(fault)}"
    if isinstance(fault, RunStopped):
        return Phase.STOPPED, Outcome.STOPPED, str(fault)
    return Phase.FAILED, run.outcome, _words(fault)


def with_owed(error: str, run: Run) -> str:
    """The error of an ending, and where a clean-up is owed because a host was out of reach."""
    owed = (
        f"A clean-up is owed on {host}: {why}; phoenix recover does it when the host answers."
        for host, why in run.owed.items()
    )
    return "\n".join((*([error] if error else ()), *owed))


def outcome_without_promotion(verdict: Verdict, wish: OnPromote, answer: Answer | None = None) -> Outcome:
    """What becomes of a candidate that is not promoted by the run itself; `answer` where a person was asked."""
    if verdict is Verdict.PROMOTE and answer is not None and answer.decision is Decision.DECLINE:
        return Outcome.DECLINED
    if wish is OnPromote.REPORT or verdict is Verdict.PROMOTE:
        return Outcome.REPORTED
    return Outcome.ROLLED_BACK if verdict is Verdict.ROLL_BACK else Outcome.NONE


def _words(*faults: BaseException | None) -> str:
    return " ".join(str(fault) or type(fault).__name__ for fault in faults if fault is not None)
