"""A door without a person: `python -m phoenix.supervisor` holds the control plane up, as `phoenix up --detach` starts it.

What is wanted comes on standard input, as JSON: an address may be nobody's business, and process tables are public.
"""

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime

from phoenix.adapters.control_plane.signals import CalledBySignals
from phoenix.composition import compose
from phoenix.domain.errors import PhoenixError
from phoenix.services.control_plane.parts import Wanted


def main() -> int:
    """Hold it up until a signal says otherwise; returns 0 where nothing of it is left."""
    call = CalledBySignals()
    try:
        compose().control_plane.hold(Wanted(**json.load(sys.stdin)), call, _say)
    except PhoenixError as error:
        _say(f"{error.message} {error.hint}".rstrip())
        return 1
    return 0


def _say(words: str) -> None:
    with suppress(OSError):  # a full disk is no reason to let go of everything
        print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {words}", flush=True)  # noqa: T201 - into its log


if __name__ == "__main__":
    sys.exit(main())
