"""Shows statuses of hosts again and again: a table that stands on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from phoenix.cli.output import cell
from phoenix.cli.pipeline_status import COLUMNS, status_row
from phoenix.services.deployments.status import Health, HostStatus
from phoenix.services.views.wording import clean

REFRESH_SECONDS = 2.0

Look = Callable[[], tuple[HostStatus, ...]]

_STYLES: Mapping[Health, str] = {
    Health.STARTING: "yellow",
    Health.STALLED: "red",
    Health.DEAD: "red",
    Health.UNREACHABLE: "red",
}


def follow(
    look: Look, *, console: Console | None = None, pause: Callable[[float], object] = time.sleep
) -> None:
    """Show what `look` gives every two seconds, until Ctrl-C; that goes to the caller.

    Args:
        look: Reads the statuses.
        console: Where to; standard output when left out. It honours NO_COLOR and is plain where that is no terminal.
        pause: Waits, s.
    """
    screen = console or Console(highlight=False)
    if not screen.is_terminal or screen.is_dumb_terminal:
        while True:
            for one in look():
                screen.print(_line(one), soft_wrap=True, markup=False, emoji=False, highlight=False)
            pause(REFRESH_SECONDS)
    with Live(console=screen, auto_refresh=False, redirect_stdout=False) as live:
        while True:
            live.update(_picture(look()), refresh=True)
            pause(REFRESH_SECONDS)


def _picture(found: tuple[HostStatus, ...]) -> Group:
    """The table, and below it what has no room in it."""
    if not found:
        return Group(Text("nothing is deployed"))
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for one in found:
        row = status_row(one)
        table.add_row(*(Text(cell(row[column])) for column in COLUMNS), style=_STYLES.get(one.health, ""))
    reasons = [Text(f"{one.host}: {clean(one.reason.splitlines()[0])}", "dim") for one in found if one.reason]
    return Group(table, *reasons)


def _line(one: HostStatus) -> str:
    row = status_row(one)
    facts = [f"{name}={cell(row[name])}" for name in COLUMNS[1:] if row[name] is not None]
    why = [f"({clean(one.reason.splitlines()[0])})"] if one.reason else []
    return " ".join([f"{time.strftime('%H:%M:%S')} {one.host}", *facts, *why])
