"""Makes SIGTERM and SIGHUP end a command as Ctrl-C does: cleanly, with the exit code that says so."""

import os
import signal

_OUTPUTS = (1, 2)


def interrupted_by_signals() -> None:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP; one that our starter had us ignore (nohup) stays ignored."""
    terminals = tuple(fd for fd in _OUTPUTS if os.isatty(fd))

    def interrupt(_number: int, _frame: object) -> None:
        _leave_lost(terminals)
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def _leave_lost(terminals: tuple[int, ...]) -> None:
    """Write to nowhere instead of a terminal that hung up: an error there would cut the clean ending short."""
    for fd in terminals:
        if not os.isatty(fd):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, fd)
            os.close(nowhere)
