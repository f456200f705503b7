"""What the watches of loads show on a terminal and elsewhere."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from phoenix.cli.loadsim_view import ending_words, host_row, run_row, run_text
from phoenix.cli.loadsim_watch import LOOK_SECONDS, follow, stay
from phoenix.domain.load.run import LoadEnd, LoadEnding, LoadRun, LoadState, LoadStatus

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOCAL = LoadStatus(
    requested=120,
    achieved=119,
    spawned=400,
    active=130,
    requested_rate=25.0,
    achieved_rate=24.96,
    lateness_p99=0.0015,
    cpu_cores=0.25,
    memory_bytes=3 * 2**20,
    contained_by="pid namespace",
    capped=("processes", "memory"),
    metrics_url="http://127.0.0.1:9100/metrics",
)
RUNNING = LoadRun(
    id="load-12345678",
    name="evening",
    experiment="exp-12345678",
    profile="realistic",
    targets=("local", "ssh://ops@web-1"),
    request={"patterns": [{"count": 100}, {"count": 20}]},
    state=LoadState.RUNNING,
    created_at=START,
    deadline=START + timedelta(minutes=30),
    hosts={"local": LOCAL},
    started_at=START + timedelta(seconds=2),
)
ENDED = replace(
    RUNNING,
    state=LoadState.ENDED,
    ending=LoadEnding(LoadEnd.STOPPED, "enough\x1b[31m of it"),
    ended_at=START + timedelta(minutes=5),
)
SILENT = replace(
    RUNNING,
    state=LoadState.ENDING,
    ending=LoadEnding(LoadEnd.DEADLINE, "its time was over"),
    left={"ssh://ops@web-1": "ssh://ops@web-1 does not answer\nat all"},
)


class Runs:
    """Load runs as a script has them, one look after the other; the last one interrupts."""

    def __init__(self, *looks: LoadRun) -> None:
        self.looks = list(looks)

    def get(self, _load: str) -> LoadRun:
        if not self.looks:
            raise KeyboardInterrupt
        return self.looks.pop(0)

    def watch(self, load: str | None) -> tuple[LoadRun, ...]:
        return (self.get(""), replace(ENDED, id="load-00000000"))[: 2 if load is None else 1]


def a_screen(*, is_terminal: bool, width: int = 200) -> Console:
    return Console(file=io.StringIO(), force_terminal=is_terminal, width=width, color_system=None)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_one_load_is_shown_until_it_is_over(is_terminal):
    screen, paused = a_screen(is_terminal=is_terminal), []
    follow(Runs(RUNNING, RUNNING, ENDED), RUNNING.id, console=screen, pause=paused.append)
    assert paused == [LOOK_SECONDS] * 2
    said = screen.file.getvalue()
    assert "119" in said
    assert "24.9 of 25.0/s" in said or "25.0 of 25.0/s" in said


@pytest.mark.parametrize("is_terminal", [True, False])
def test_all_loads_are_shown_until_somebody_has_seen_enough(is_terminal):
    screen, paused = a_screen(is_terminal=is_terminal), []
    with pytest.raises(KeyboardInterrupt):
        follow(Runs(RUNNING, SILENT), None, console=screen, pause=paused.append)
    said = screen.file.getvalue()
    assert "running" in said
    assert "ending (deadline)" in said
    assert "ended (stopped)" in said


def test_a_terminal_that_is_too_narrow_for_the_table_shows_it_upright():
    screen = a_screen(is_terminal=True, width=60)
    follow(Runs(RUNNING, ENDED), RUNNING.id, console=screen, pause=lambda _: None)
    lines = [line.split() for line in screen.file.getvalue().splitlines()]
    assert ["host", "local"] in lines
    assert ["achieved", "119"] in lines
    assert ["contained", "by", "pid", "namespace"] in lines


def test_what_is_over_is_told_once_in_plain_lines():
    screen = a_screen(is_terminal=False)
    with pytest.raises(KeyboardInterrupt):
        follow(Runs(RUNNING, RUNNING, RUNNING), None, console=screen, pause=lambda _: None)
    said = screen.file.getvalue()
    assert (said.count("running"), said.count("ended (stopped)")) == (3, 1)
    assert "ended (stopped) evening: enough of it\n" in said


@pytest.mark.parametrize("is_terminal", [True, False])
def test_who_stays_sees_one_line_and_gets_the_end(is_terminal):
    screen, paused = a_screen(is_terminal=is_terminal), []
    runs = Runs(*[RUNNING] * 12, ENDED)
    assert stay(lambda: runs.get(""), console=screen, pause=paused.append) == ENDED
    assert paused == [LOOK_SECONDS] * 12
    said = screen.file.getvalue()
    # A picture is drawn once more before it is taken away; of lines there is one in five seconds.
    assert said.count("119 of 240 processes") == (13 if is_terminal else 3)


def test_a_row_has_the_sums_of_all_hosts():
    row = run_row(RUNNING)
    assert (row["requested"], row["achieved"], row["rate"]) == (240, 119, "25.0 of 25.0/s")
    assert (row["duration"], row["status"], row["started"]) == ("30m", "running", "2026-03-01 12:00:02")


def test_a_host_that_said_nothing_has_dashes_and_trouble_is_one_line():
    assert host_row(RUNNING, "ssh://ops@web-1") == {"host": "ssh://ops@web-1", "trouble": None}
    assert host_row(SILENT, "ssh://ops@web-1")["trouble"] == "ssh://ops@web-1 does not answer"
    assert host_row(RUNNING, "local")["capped"] == "processes, memory"


def test_a_stop_that_is_asked_for_is_seen():
    assert run_row(replace(RUNNING, stop_requested="enough"))["status"] == "stopping"


def test_what_others_wrote_does_not_drive_the_terminal():
    for text in (run_text(ENDED), ending_words(ENDED)):
        assert "\x1b" not in text
        assert "enough of it" in text


def test_only_what_is_over_is_called_clean():
    assert "nothing of it is left" in ending_words(ENDED)
    assert "nothing of it is left" not in ending_words(SILENT)
    assert ending_words(RUNNING) == "evening: running"
