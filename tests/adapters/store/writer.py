"""A process that appends to an experiment's ledger and says each sequence once it is committed.

Run: `python writer.py URL EXPERIMENT TAG COUNT`.
"""

import sys

from phoenix.adapters.store.engine import open_engine
from phoenix.adapters.store.experiments import SqlExperimentStore
from phoenix.domain.record import EventKind
from phoenix.domain.samples import Scrape


def main(url: str, experiment: str, tag: str, count: int) -> None:
    store = SqlExperimentStore(open_engine(url))
    for number in range(1, count + 1):
        sequence = store.append(experiment, EventKind.NOTE, tag, {"number": number})
        store.add_scrapes(experiment, [Scrape(number, tag, float(number), 0.0, None, None)])
        print(sequence, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
