"""Drives the promotion flow and dies by SIGKILL after a step: `python -m tests.support.mortal_driver STEP EXPERIMENT`."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from phoenix.adapters.hosts.slot_host import SlotHost

STEPS = {"start": "start_collector", "switch": "activate", "stop-previous": "retire"}


def _dying(real: Callable[..., Any]) -> Callable[..., Any]:
    def step(*arguments: Any) -> Any:
        real(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    return step


def main() -> None:
    verb = STEPS[sys.argv.pop(1)]
    setattr(SlotHost, verb, _dying(getattr(SlotHost, verb)))
    from flows.driver import drive
    from flows.promotion import promotion

    drive(promotion)


if __name__ == "__main__":
    main()
