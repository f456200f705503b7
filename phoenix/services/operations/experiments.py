"""Experiments as documents, for every door; the verbs themselves are in `phoenix.services.experiments`."""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from phoenix.adapters.operations import EVENTS_AT_ONCE, MOST_IN_A_PAGE, PAGE, Document, ExperimentOperations
from phoenix.domain.errors import SpecError, StateError
from phoenix.domain.findings import as_document
from phoenix.domain.phases import Decision, Phase
from phoenix.domain.record import Event, ExperimentRecord
from phoenix.domain.samples import Variant
from phoenix.services.operations.bounds import within
from phoenix.services.operations.given_files import laid_out
from phoenix.services.views.summaries import criteria_rows, shortly, summarise

if TYPE_CHECKING:
    from phoenix.adapters.stores import ExperimentStore
    from phoenix.services.approvals import Approvals
    from phoenix.services.drafts import Draft, Drafts
    from phoenix.services.experiments import Experiments
    from phoenix.services.recovery import Recovery


class LocalExperiments(ExperimentOperations):
    """Experiments of this installation.

    Args:
        store: The ledger.
        experiments: The verbs.
        drafts: Checks documents.
        approvals: Answers the question whether to promote.
        recovery: Ends what has lost its driver; made only where that is so.
        by: Who asks.
    """

    def __init__(
        self,
        store: "ExperimentStore",
        experiments: "Experiments",
        drafts: "Drafts",
        approvals: "Approvals",
        recovery: "Callable[[], Recovery]",
        by: str,
    ) -> None:
        self._store = store
        self._experiments = experiments
        self._drafts = drafts
        self._approvals = approvals
        self._recovery = recovery
        self._by = by

    def create(
        self, document: Mapping[str, object], *, files: Mapping[str, str] | None = None, start: bool = True
    ) -> Document:
        draft = self._draft(document, files)
        self._experiments.refuse_invalid(draft)
        record = self._experiments.create(draft)
        if start:
            self._experiments.start(record)
        return self.get(record.id)

    def preview(self, document: Mapping[str, object], *, files: Mapping[str, str] | None = None) -> Document:
        draft = self._draft(document, files)
        arms = {variant: draft.plan.arm(variant) for variant in Variant}
        return {
            "name": draft.document.metadata.name,
            "targets": list(draft.document.spec.targets),
            **{
                variant.value: {
                    "pipeline": arm.pipeline,
                    "version": arm.version,
                    "config": arm.measurement_config(),
                }
                for variant, arm in arms.items()
            },
            "findings": [as_document(finding) for finding in draft.findings],
        }

    def list(
        self,
        *,
        limit: int = PAGE,
        before: str | None = None,
        phases: Collection[str] = (),
        name: str | None = None,
    ) -> Document:
        wanted = tuple(_phase(phase) for phase in phases)
        page = self._store.page(
            limit=within(limit, MOST_IN_A_PAGE), before=_place(before), phases=wanted, name=name
        )
        return {
            "items": [shortly(record) for record in page.records],
            "next": None if page.following is None else str(page.following),
        }

    def get(self, reference: str) -> Document:
        return self._described(self._store.get(reference))

    def start(self, reference: str) -> Document:
        record = self._store.get(reference)
        self._experiments.start(record)
        return self.get(record.id)

    def stop(self, reference: str, reason: str) -> Document:
        record = self._store.get(reference)
        if self._approvals.is_awaited(record):
            self._approvals.decide(record.id, Decision.DECLINE, reason, self._by)
        else:
            self._experiments.stop(record.id, reason)
        # One whose driver is gone would hear of it only at the next recovery.
        self._recovery().recover(wait_for_stopping=False)
        return self.get(record.id)

    def promote(self, reference: str, reason: str, variant: str = "candidate") -> Document:
        record = self._store.get(reference)
        chosen = _variant(variant)
        if self._approvals.is_awaited(record) and chosen is Variant.CANDIDATE:
            self._approvals.decide(record.id, Decision.PROMOTE, reason, self._by)
        else:
            self._experiments.promote(record.id, reason, chosen)
        return self.get(record.id)

    def rollback(self, reference: str, reason: str) -> Document:
        record, _ = self._experiments.rollback(reference, reason)
        return self.get(record.id)

    def delete(self, reference: str) -> Document:
        return shortly(self._experiments.delete(reference))

    def events(self, reference: str, *, after: int = 0, limit: int = EVENTS_AT_ONCE) -> Document:
        record = self._store.get(reference)
        found = self._store.events(record.id, after=after)[: within(limit, EVENTS_AT_ONCE)]
        cursor = found[-1].sequence if found else after
        return {"items": [event_document(event) for event in found], "cursor": cursor}

    def metrics(
        self,
        reference: str,
        *,
        start: int | None = None,
        end: int | None = None,
        points: int = 500,
        host: str | None = None,
    ) -> Document:
        from phoenix.services.views.series import columns_of

        record = self._store.get(reference)
        found = self._store.readings(record.id, after=(start or 1) - 1, to=end)
        wanted = found if host is None else tuple(scrape for scrape in found if scrape.host == host)
        return {"experiment": record.id, **columns_of(wanted, within(points, 10_000))}

    def comparison(self, reference: str) -> Document:
        record = self._store.get(reference)
        summary = summarise(record)
        return {
            "experiment": record.id,
            "verdict": summary["verdict"],
            "items": [dict(row) for row in criteria_rows(summary)],
        }

    def report(self, reference: str) -> str:
        from phoenix.services.views.reports import render_report

        record = self._store.get(reference)
        return render_report(record, self._store.scrapes(record.id), self._store.events(record.id))

    def _draft(self, document: Mapping[str, object], files: Mapping[str, str] | None) -> "Draft":
        with laid_out(document, files or {}) as folder:
            return self._drafts.check(document, folder)

    def _described(self, record: ExperimentRecord) -> Document:
        return {**summarise(record), "spec": dict(_spec(record)), "stopRequested": record.stop_requested}


def event_document(event: Event) -> Document:
    """An event of the ledger in its public shape."""
    return {
        "sequence": event.sequence,
        "experiment": event.experiment,
        "kind": event.kind.value,
        "step": event.step,
        "data": dict(event.data),
        "at": event.at.isoformat(),
    }


def _spec(record: ExperimentRecord) -> Mapping[str, object]:
    document = record.document["document"]
    return document["spec"]  # type: ignore[index]


def _place(before: str | None) -> int | None:
    if before is None:
        return None
    if not before.isascii() or not before.isdigit() or len(before) > 18:
        raise SpecError(
            f"{before!r} is no place in the list.", code="invalid_cursor", hint="pass on what `next` said"
        )
    return int(before)


def _phase(text: str) -> Phase:
    try:
        return Phase(text)
    except ValueError:
        raise SpecError(
            f"There is no phase {text!r}.",
            code="unknown_phase",
            hint=", ".join(phase.value for phase in Phase),
        ) from None


def _variant(text: str) -> Variant:
    names = {
        "baseline": Variant.BASELINE,
        "candidate": Variant.CANDIDATE,
        "A": Variant.BASELINE,
        "B": Variant.CANDIDATE,
    }
    if text not in names:
        raise StateError(f"There is no variant {text!r}.", code="unknown_variant", hint=", ".join(names))
    return names[text]
