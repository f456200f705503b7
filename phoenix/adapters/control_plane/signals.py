"""Signals that tell a supervisor to end."""

import signal

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class CalledBySignals:
    """Counts the signals that ask this process to end; one that our starter had us ignore (nohup) stays ignored."""

    def __init__(self) -> None:
        self.count = 0
        self.words = ""
        for number in _ENDING:
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._heed)

    def _heed(self, number: int, _frame: object) -> None:
        self.count += 1
        self.words = signal.Signals(number).name
