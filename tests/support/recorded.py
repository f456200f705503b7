"""Experiments that are in a store, without anything that ran."""

import secrets

from phoenix.adapters.stores import ExperimentStore
from phoenix.domain.phases import Phase
from phoenix.domain.record import ExperimentRecord
from phoenix.domain.samples import Scrape
from tests.support import seen_experiments


def record_experiment(
    store: ExperimentStore,
    name: str,
    scrapes: tuple[Scrape, ...] = (),
    phase: Phase = Phase.MEASURING,
    **changes: object,
) -> ExperimentRecord:
    """Write one down, with its scrapes; nobody drives it."""
    identifier = f"exp-{secrets.token_hex(4)}"
    document = seen_experiments.document(name)
    record = seen_experiments.record(scrapes, phase, id=identifier, name=name, document=document, **changes)
    store.create(record)
    if scrapes:
        store.add_scrapes(identifier, scrapes)
    return store.get(identifier)
