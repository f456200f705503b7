"""Drives the experiment flow with one step made to fail: `python -m tests.support.faulty_driver STEP EXPERIMENT`.

The step's side effects happen, then it raises: the fault comes as late as it can.
"""

import sys
from collections.abc import Callable
from typing import Any

from phoenix.services.run import cleaning, deciding, deploying, judging, loading, measuring, validating

STEPS = {
    "validate": (validating, "validate"),
    "take-hosts": (deploying, "take_hosts"),
    "deploy": (deploying, "deploy"),
    "load": (loading, "start_load"),
    "measure": (measuring, "collect"),
    "compare": (judging, "conclude"),
    "decide": (deciding, "act"),
    "clean-up": (cleaning, "clean_up"),
}


class InjectedError(Exception):
    """What the test made happen."""


def _failing_once(real: Callable[..., Any]) -> Callable[..., Any]:
    failed = False

    def step(*arguments: Any) -> Any:
        nonlocal failed
        result = real(*arguments)
        if not failed:
            failed = True
            raise InjectedError(f"{real.__name__} was made to fail")
        return result

    return step


def main() -> None:
    module, name = STEPS[sys.argv.pop(1)]
    setattr(module, name, _failing_once(getattr(module, name)))
    from flows.driver import drive
    from flows.experiment import recorded_experiment

    drive(recorded_experiment)


if __name__ == "__main__":
    main()
