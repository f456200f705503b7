"""Starts processes that the kernel ends with us, however we die."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import BinaryIO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
"""Loaded here, for between fork and exec nothing may be looked up."""


def start_bound(
    command: Sequence[str], environment: Mapping[str, str], output: BinaryIO | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own that gets SIGKILL when we end.

    To be called by a thread that lives as long as the process is wanted, best the main one: the kernel takes its end
    for ours.

    Args:
        command: Program and arguments.
        environment: All of it.
        output: Takes what it says; ours where None.
    """
    us = os.getpid()

    def die_with_us() -> None:
        # A shell that starts us in the background has us ignore it, and a worker is ended by it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != us:  # we died before that
            os._exit(1)

    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
        preexec_fn=die_with_us,  # noqa: PLW1509 - two system calls, and whoever starts one has a single thread
    )
