"""A door without a person: `python -m phoenix.keeper LOAD_ID` keeps one load run up until it is to end.

Started by `phoenix loadsim start` in a session of its own. SIGTERM and SIGINT end the load in good order; what a kill
leaves ends by itself, and `phoenix recover` writes it down.
"""

import signal
import sys
from datetime import UTC, datetime

from phoenix.composition import compose
from phoenix.domain.errors import PhoenixError
from phoenix.services.loads.calls import Call


def main(arguments: list[str]) -> int:
    """Keep the run that is named; returns 0 where nothing of it is left."""
    (load,) = arguments
    call = _called_by_signals()
    try:
        run = compose().load_keeping.keep(load, call)
    except PhoenixError as error:
        _say(f"{load}: {error.message} {error.hint}".rstrip())
        return 1
    _say(
        f"{load}: {run.state}, {run.ending.why if run.ending else '?'}: {run.ending.words if run.ending else ''}"
    )
    return 0 if run.is_over else 1


def _called_by_signals() -> Call:
    call = Call()

    def heed(number: int, _frame: object) -> None:
        call.end(f"its keeper was told to end ({signal.Signals(number).name})")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, heed)
    return call


def _say(words: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {words}", flush=True)  # noqa: T201 - into its log


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
