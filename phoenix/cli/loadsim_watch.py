"""Shows load runs again and again: a picture that stands on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from phoenix.cli.loadsim_view import (
    HOST_COLUMNS,
    RUN_COLUMNS,
    host_row,
    run_row,
    run_text,
    standing_words,
    state_words,
)
from phoenix.cli.output import cell
from phoenix.domain.load.run import LoadRun
from phoenix.services.loads.verbs import Loads
from phoenix.services.views.wording import clean

LOOK_SECONDS = 1.0
"""The generators report once a second."""

LINE_SECONDS = 5.0
"""Between two plain lines of one run: a log of half an hour stays readable."""

_ANY_WIDTH = 10_000

Pause = Callable[[float], object]


def stay(
    look: Callable[[], LoadRun], *, console: Console | None = None, pause: Pause = time.sleep
) -> LoadRun:
    """Show one live line on standard error until the run is over; Ctrl-C goes to the caller.

    Args:
        look: Reads the run.
        console: Where to; standard error when left out.
        pause: Waits, s.

    Returns:
        The run, over.
    """
    screen = console or Console(stderr=True, highlight=False)
    if screen.is_terminal and not screen.is_dumb_terminal:
        with Live(console=screen, auto_refresh=False, transient=True, redirect_stdout=False) as live:
            while not (run := look()).is_over:
                live.update(Text(_line(run), no_wrap=True, overflow="ellipsis"), refresh=True)
                pause(LOOK_SECONDS)
            return run
    looks = 0
    while not (run := look()).is_over:
        if looks % LINE_SECONDS == 0:
            _print(screen, _line(run))
        looks += 1
        pause(LOOK_SECONDS)
    return run


def follow(
    loads: Loads, load: str | None, *, console: Console | None = None, pause: Pause = time.sleep
) -> None:
    """Show all runs, or one host by host, each second: one until it is over, all until Ctrl-C.

    Where it writes plain lines, what is over is told once.

    Args:
        loads: Of this installation.
        load: Id of the one; None for all.
        console: Where to; standard output when left out. It honours NO_COLOR and is plain where that is no terminal.
        pause: Waits, s.
    """
    screen = console or Console(highlight=False)

    if not screen.is_terminal or screen.is_dumb_terminal:
        told: set[str] = set()
        while True:
            runs = loads.watch(load)
            for run in runs:
                if run.id not in told:
                    _print(screen, _line(run))
            told = {run.id for run in runs if run.is_over}
            if load is not None and runs[0].is_over:
                return
            pause(LOOK_SECONDS)
    with Live(console=screen, auto_refresh=False, redirect_stdout=False, transient=load is not None) as live:
        while True:
            runs = loads.watch(load)
            live.update(_all(runs) if load is None else _one(runs[0]), refresh=True)
            if load is not None and runs[0].is_over:
                return
            pause(LOOK_SECONDS)


def _all(runs: tuple[LoadRun, ...]) -> Group:
    if not runs:
        return Group(Text("no load was started yet"))
    return Group(_Table(RUN_COLUMNS, [run_row(run) for run in runs]))


def _one(run: LoadRun) -> Group:
    return Group(
        Text(run_text(run) + "\n"), _Table(HOST_COLUMNS, [host_row(run, target) for target in run.targets])
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows under their columns; each upright where the terminal is too narrow for all of its words."""

    columns: tuple[str, ...]
    rows: list[dict[str, object]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = Table(*self.columns, box=None, pad_edge=False)
        upright = Table.grid(padding=(0, 2))
        for row in self.rows:
            cells = [Text(cell(row.get(column))) for column in self.columns]
            wide.add_row(*cells)
            for column, words in zip(self.columns, cells, strict=True):
                upright.add_row(column, words)
            upright.add_row("", "")
        needed = wide.__rich_measure__(console, options.update_width(_ANY_WIDTH)).maximum
        yield wide if needed <= options.max_width else upright


def _line(run: LoadRun) -> str:
    began = f"{time.strftime('%H:%M:%S')} {state_words(run)}"
    if run.ending is not None and run.is_over:
        return f"{began} {clean(run.name)}: {clean(run.ending.words)}"
    return f"{began} {standing_words(run)}"


def _print(screen: Console, line: str) -> None:
    screen.print(line, soft_wrap=True, markup=False, emoji=False, highlight=False)
