"""The verdict: computed from what was recorded, and recorded."""

from phoenix.domain.decision.comparison import Comparison, as_document, compare
from phoenix.domain.phases import Phase
from phoenix.domain.record import EventKind
from phoenix.services.run.context import Run


def conclude(run: Run) -> Comparison:
    """Compute the comparison once more from the recorded scrapes, for the record.

    It is a pure function of the ledger: whoever has the scrapes gets the same verdict.
    """
    run.enter(Phase.COMPARING)
    comparison = compare(run.store.scrapes(run.id), run.design(), _interruption(run))
    save(run, comparison)
    run.store.append(run.id, EventKind.DONE, "compare", {"verdict": comparison.verdict.value})
    return comparison


def save(run: Run, comparison: Comparison) -> None:
    left_out = [{"host": host, "why": why} for host, why in run.left_out.items()]
    run.store.save_result(run.id, {**as_document(comparison), "leftOut": left_out})


def _interruption(run: Run) -> str:
    notes = [e for e in run.store.events(run.id) if e.kind is EventKind.NOTE and e.step == "interrupted"]
    return str(notes[-1].data["reason"]) if notes else ""
