"""A process that switches the host `local` over to each of some revisions, again and again.

Run: `python switcher.py URL ROUNDS NUMBER...`.
"""

import sys
from datetime import UTC, datetime

from phoenix.adapters.store.deployments import SqlDeploymentStore
from phoenix.adapters.store.engine import open_engine


def main(url: str, rounds: int, numbers: list[int]) -> None:
    store = SqlDeploymentStore(open_engine(url))
    for _ in range(rounds):
        for number in numbers:
            store.activate("local", number, datetime.now(UTC))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), [int(number) for number in sys.argv[3:]])
