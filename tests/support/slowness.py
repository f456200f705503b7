"""How slow this machine is just now, so that a limit on CPU holds for the program and not for the machine."""

import time

_REFERENCE_SECONDS = 0.06
"""CPU of the work below on the machine that the limits were set on."""


def slowness() -> float:
    """How many times as much CPU a piece of plain Python takes here and now; 1 where it takes less."""
    began = time.process_time()
    sum(number * number for number in range(1_000_000))
    return max(1.0, (time.process_time() - began) / _REFERENCE_SECONDS)
