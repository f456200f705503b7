"""Shows a running experiment on standard error until it is over: a picture on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live

from phoenix.adapters.stores import ExperimentStore
from phoenix.cli.live_frame import frame
from phoenix.cli.live_line import line_of
from phoenix.cli.live_state import Observer, Sight
from phoenix.domain.phases import Phase

REFRESH_SECONDS = 0.5
"""Scrapes come once a second at most; twice that is as live as it gets."""

LINE_SECONDS = 5.0
"""Between two plain lines: a log of half an hour stays readable."""

WAITING_LINE_SECONDS = 60.0
"""The same while a person is asked, which may take an hour or a week."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Time, as a test may replace it."""

    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


REAL_TIME = Pace()


def follow(
    store: ExperimentStore,
    experiment: str,
    *,
    poll: Callable[[], bool] | None = None,
    console: Console | None = None,
    pace: Pace = REAL_TIME,
) -> None:
    """Show an experiment until it is over, or until `poll` says False; Ctrl-C goes to the caller at once.

    Args:
        store: Read about twice a second; of scrapes and events only those that are new.
        experiment: Id or name.
        poll: Whether the process that drives it still runs. With it, an experiment that was over at the first look
            (a promotion begins so) is shown until the process ends.
        console: Where to; standard error when left out. It honours NO_COLOR and is plain where that is no terminal.
        pace: Time.
    """
    screen = console or Console(stderr=True, highlight=False)
    observer = Observer.of(store, experiment)
    ending = _Ending(poll)
    if screen.is_terminal and not screen.is_dumb_terminal:
        _follow_picture(observer, ending, screen, pace)
    else:
        _follow_lines(observer, ending, screen, pace)


@dataclass(slots=True)
class _Ending:
    """When to stop looking; asked before each look, so that what came last is still shown."""

    poll: Callable[[], bool] | None
    _was_over_at_first: bool | None = None

    def process_ended(self) -> bool:
        return self.poll is not None and not self.poll()

    def is_reached(self, sight: Sight, process_ended: bool) -> bool:
        if self._was_over_at_first is None:
            self._was_over_at_first = sight.phase.is_over
        if process_ended:
            return True
        return sight.phase.is_over and not (self.poll and self._was_over_at_first)


def _follow_picture(observer: Observer, ending: _Ending, screen: Console, pace: Pace) -> None:
    # Standard output is data: what others print there must not be drawn into the picture.
    with Live(console=screen, auto_refresh=False, transient=True, redirect_stdout=False) as live:
        while True:
            ended = ending.process_ended()
            sight = observer.look()
            live.update(frame(sight, screen.width, screen.height), refresh=True)
            if ending.is_reached(sight, ended):
                break
            pace.pause(REFRESH_SECONDS)
    _print_line(screen, sight)


def _follow_lines(observer: Observer, ending: _Ending, screen: Console, pace: Pace) -> None:
    shown: Phase | None = None
    shown_at = 0.0
    while True:
        ended = ending.process_ended()
        sight = observer.look()
        is_last = ending.is_reached(sight, ended)
        between = WAITING_LINE_SECONDS if sight.phase is Phase.AWAITING_APPROVAL else LINE_SECONDS
        if is_last or sight.phase is not shown or pace.clock() - shown_at >= between:
            _print_line(screen, sight)
            shown, shown_at = sight.phase, pace.clock()
        if is_last:
            return
        pace.pause(REFRESH_SECONDS)


def _print_line(screen: Console, sight: Sight) -> None:
    screen.print(line_of(sight), soft_wrap=True, markup=False, emoji=False, highlight=False)
