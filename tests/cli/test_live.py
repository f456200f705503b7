"""Following an experiment: what is read, what is drawn, when it ends."""

import io
import re

import pytest
from rich.console import Console

from phoenix.adapters.stores import ExperimentStore
from phoenix.cli.live import Pace, follow
from phoenix.cli.live_frame import frame
from phoenix.cli.live_marks import course, interval_bar, scale_labels
from phoenix.cli.live_state import Observer
from phoenix.domain.decision.comparison import as_document
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Driver, EventKind
from tests.fakes.store import FakeExperimentStore
from tests.support.seen_experiments import STARTED, compared, document, record, trace_scrapes

ID = "exp-k3v9x2ab"
WARMUP = 24


class Script:
    """An experiment that goes on by one scrape whenever the follower pauses."""

    def __init__(self, scrapes=40, fail_at=None):
        self.store = FakeExperimentStore(now=lambda: STARTED)
        self.store.create(record(phase=Phase.PENDING, outcome=Outcome.NONE))
        self.scrapes = trace_scrapes(count=scrapes)
        self.fail_at = fail_at
        self.done = 0
        self.store.enter(ID, Phase.VALIDATING)
        self.store.enter(ID, Phase.WARMING_UP)

    def step(self, _seconds=0.0):
        if self.done == len(self.scrapes):
            self.store.finish(ID, Phase.COMPLETED, Outcome.REPORTED, "")
            return
        if self.done == self.fail_at:
            self.store.append(ID, EventKind.FAILED, "load@local", {"error": "the load generator died"})
            self.store.finish(ID, Phase.FAILED, Outcome.NONE, "the load generator died")
            return
        self.store.add_scrapes(ID, [self.scrapes[self.done]])
        self.done += 1
        if self.done == WARMUP:
            self.store.enter(ID, Phase.MEASURING)
        if self.done > WARMUP:
            self.store.save_result(ID, as_document(compared(self.scrapes[: self.done], document())))

    def through(self, count):
        for _ in range(count):
            self.step()
        return Observer.of(self.store, ID).look()


def followed(script, *, terminal=False, width=80, **options):
    ticks = iter(range(100_000))
    pace = Pace(clock=lambda: float(next(ticks)), pause=options.pop("pause", script.step))
    console = Console(
        file=io.StringIO(), force_terminal=terminal, width=width, height=40, _environ=options.pop("env", {})
    )
    follow(script.store, ID, console=console, pace=pace, **options)
    return console.file.getvalue()


def test_lines_have_no_escape_codes_and_name_each_phase():
    text = followed(Script())

    assert "\x1b" not in text
    for phase in ("warming up", "measuring", "completed"):
        assert f"topk-on-web: {phase}" in text


def test_lines_come_every_few_seconds_and_not_at_every_look():
    lines = followed(Script(scrapes=40)).splitlines()

    assert 5 < len(lines) < 30


def test_a_terminal_gets_a_picture():
    text = followed(Script(), terminal=True)

    assert "\x1b[" in text
    assert "▶ measure" in text


def test_no_color_is_honoured():
    text = followed(Script(), terminal=True, env={"NO_COLOR": "1"})

    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", text)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("scrapes", [0, 5, 24, 40, 150])
def test_a_picture_fits_its_terminal(scrapes, width):
    picture = frame(Script(150).through(scrapes), width).plain

    assert max(len(line) for line in picture.splitlines()) <= width


def test_a_low_terminal_loses_the_empty_lines_only():
    sight = Script().through(40)

    high, low = (frame(sight, 80, height).plain.splitlines() for height in (60, 24))

    assert [line for line in high if line] == low
    assert len(low) <= 24


def test_states_are_words_beside_their_symbols():
    picture = frame(Script().through(40), 80).plain

    assert "? open active series cut ≥ 50.0 %" in picture
    assert "criteria (not judged: too few scrapes)" in picture


def test_only_new_scrapes_and_events_are_read():
    script = Script()
    script.through(30)
    store = Recording(script.store)
    observer = Observer.of(store, ID)
    observer.look()
    script.step()
    sight = observer.look()

    assert store.after == [0, 29]
    assert sight.last_number == 31
    assert store.events_after[0] == 0 < store.events_after[1]


class Recording(FakeExperimentStore):
    """Passes on, and remembers from where scrapes and events were asked for."""

    def __init__(self, inner: ExperimentStore):
        self.inner, self.after, self.events_after = inner, [], []

    def get(self, reference):
        return self.inner.get(reference)

    def events(self, experiment, *, after=0):
        self.events_after.append(after)
        return self.inner.events(experiment, after=after)

    def scrapes(self, experiment, *, after=0):
        self.after.append(after)
        return self.inner.scrapes(experiment, after=after)


def test_an_error_is_shown():
    text = followed(Script(fail_at=10))

    assert "failed" in text.splitlines()[-1]
    assert "error: the load generator died" in text


def test_a_failed_step_stands_in_the_picture():
    script = Script(fail_at=3)

    assert "✗ load@local failed: the load generator died" in frame(script.through(4), 80).plain


def test_a_verdict_before_the_minimum_leaves_nothing_to_wait_for():
    script = Script()
    script.through(30)
    script.store.enter(ID, Phase.CLEANING_UP)

    picture = frame(script.through(0), 80).plain

    assert "scrape 30\n" in picture
    assert "to go" not in picture


def test_past_the_minimum_it_says_when_it_ends_at_the_latest():
    assert (
        "scrape 150 of at most 1,800 in 30 min; minimum passed" in frame(Script(150).through(150), 120).plain
    )


def test_a_silent_driver_is_shown():
    script = Script()
    script.store.drive(ID, Driver("boot", 4711, 1))

    assert "no sign of life from its driver" in frame(script.through(3), 80).plain


def test_without_critical_processes_none_are_shown():
    content = document(criticalProcesses=[], guardrails=[])
    store = FakeExperimentStore(now=lambda: STARTED)
    store.create(record(phase=Phase.WARMING_UP, outcome=Outcome.NONE, document=content))
    store.add_scrapes(ID, trace_scrapes(count=5))

    assert "critical" not in frame(Observer.of(store, ID).look(), 80).plain


def test_it_ends_when_the_driver_has_ended_and_shows_what_came_last():
    script = Script()
    alive = iter([True, True, False])

    text = followed(script, poll=lambda: next(alive))

    assert "warming up" in text.splitlines()[-1]


def test_a_promotion_of_a_completed_experiment_is_followed_until_its_process_ends():
    script = Script(scrapes=30)
    script.through(31)
    phases = iter([Phase.PROMOTING, Phase.WATCHING])

    def promote(_seconds):
        phase = next(phases, None)
        if phase:
            script.store.enter(ID, phase)
        else:
            script.store.finish(ID, Phase.COMPLETED, Outcome.PROMOTED, "")

    alive = iter([True] * 4 + [False])
    text = followed(script, poll=lambda: next(alive), pause=promote)

    assert "promoting" in text
    assert "watching" in text


@pytest.mark.parametrize("terminal", [False, True])
def test_an_interrupt_reaches_the_caller_at_once(terminal):
    script = Script()

    def interrupted(_seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        followed(script, terminal=terminal, pause=interrupted)
    assert script.done == 0


def test_a_missing_value_is_a_gap_and_not_a_low_bar():
    assert course([2.0, None, 0.0], 10) == "█ ▁"


def test_courses_with_one_top_can_be_compared():
    assert course([1.0], 1, top=8.0) < course([8.0], 1, top=8.0)


def test_a_bar_shows_interval_estimate_and_limit():
    assert interval_bar(0.0, 1.0, (0.7, 0.9), 0.8, 0.5, 23) == "├──────────┃───[═●═]──┤"


def test_a_limit_inside_the_interval_is_still_seen():
    bar = interval_bar(0.0, 1.0, (0.3, 0.9), 0.8, 0.5, 23)

    assert bar.index("[") < bar.index("╋") < bar.index("●") < bar.index("]")


def test_labels_do_not_overlap_at_the_ends():
    assert scale_labels("0 %", "0 % wanted", "100 %", 1, 40).startswith("0 % 0 % wanted")
