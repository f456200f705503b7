"""The verdict: computed from what was recorded, and recorded."""

from collections.abc import Mapping, Sequence

from phoenix.domain.decision.comparison import Comparison, as_document, compare
from phoenix.domain.phases import Phase
from phoenix.domain.record import EventKind
from phoenix.domain.samples import Scrape
from phoenix.services.approvals import asked_at
from phoenix.services.run.context import Run


def conclude(run: Run) -> Comparison:
    """Compute the comparison once more from the recorded scrapes, for the record.

    It is a pure function of the ledger: whoever has the scrapes gets the same verdict. Scrapes that were taken while a
    person was asked about it are not part of it; what they breached is in the ledger.
    """
    run.enter(Phase.COMPARING)
    comparison = compare(judged_scrapes(run), run.design(), _interruption(run))
    save(run, comparison)
    run.store.append(run.id, EventKind.DONE, "compare", {"verdict": comparison.verdict.value})
    return comparison


def save(run: Run, comparison: Comparison, approval: Mapping[str, object] | None = None) -> None:
    """Record a comparison as the experiment's result.

    Args:
        run: The run.
        comparison: What is known.
        approval: Where the question stands whether to promote; None where nobody is asked.
    """
    left_out = [{"host": host, "why": why} for host, why in run.left_out.items()]
    extra = {"leftOut": left_out, "approval": None if approval is None else dict(approval)}
    run.store.save_result(run.id, {**as_document(comparison), **extra})


def judged_scrapes(run: Run) -> Sequence[Scrape]:
    """The recorded scrapes that the verdict is about."""
    scrapes = run.store.scrapes(run.id)
    asked = asked_at(run.store, run.id)
    return scrapes if asked is None else [s for s in scrapes if s.number <= int(str(asked.data["scrape"]))]


def _interruption(run: Run) -> str:
    notes = [e for e in run.store.events(run.id) if e.kind is EventKind.NOTE and e.step == "interrupted"]
    return str(notes[-1].data["reason"]) if notes else ""
