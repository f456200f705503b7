"""What a ledger says is told: to machines and to people, once, whoever dies and whatever hangs."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from phoenix.adapters.archive import Archive
from phoenix.adapters.notifications import AppriseNotifier, refuse_malformed, targets_of
from phoenix.adapters.ports import EventFeed, Notifier
from phoenix.domain.announcement import Announcement, Notice, Tone
from phoenix.domain.errors import DependencyError, SpecError
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import EventKind
from phoenix.services.announcing.announcer import ANNOUNCED, Announcer
from tests.fakes.store import FakeExperimentStore
from tests.support.notices import Receiver, hanging, receiver
from tests.support.seen_experiments import record, trace_scrapes
from tests.support.waiting import eventually


class Feed(EventFeed):
    """Holds what was sent; away as long as a test says."""

    def __init__(self) -> None:
        self.sent: list[Announcement] = []
        self.is_away = False

    def send(self, announcements) -> None:
        if self.is_away:
            raise DependencyError("gone")
        self.sent += announcements

    def names(self) -> list[str]:
        return [a.event.removeprefix("phoenix.experiment.") for a in self.sent]


class People(Notifier):
    """Holds what people were told."""

    has_targets = True

    def __init__(self) -> None:
        self.told: list[Notice] = []

    def notify(self, notice: Notice) -> None:
        self.told.append(notice)

    def drain(self, seconds: float) -> None:
        pass

    def titles(self) -> list[str]:
        return [notice.title.removeprefix("Phoenix: topk-on-web: ") for notice in self.told]


class Scene:
    """An experiment in a store, and who is told of it."""

    def __init__(self, folder: Path) -> None:
        self.store, self.feed, self.people = FakeExperimentStore(), Feed(), People()
        self._archive = Archive(folder)
        measured = record(trace_scrapes(), phase=Phase.PENDING)
        self.id = measured.id
        self.store.create(replace(measured, outcome=Outcome.NONE, started_at=None, finished_at=None))

    def announcer(self) -> Announcer:
        return Announcer(self.id, self.store, self.feed, self.people, self._archive)

    def enter(self, *phases: Phase) -> None:
        for phase in phases:
            self.store.enter(self.id, phase)

    def judge(self) -> None:
        self.store.append(self.id, EventKind.DONE, "compare", {"verdict": "PROMOTE"})


@pytest.fixture
def scene(tmp_path) -> Scene:
    return Scene(tmp_path)


def test_a_run_to_its_verdict_is_told_in_order(scene):
    announcer = scene.announcer()
    scene.enter(Phase.VALIDATING, Phase.COMPARING)
    scene.judge()
    announcer.look()
    scene.store.finish(scene.id, Phase.COMPLETED, Outcome.REPORTED, "")
    announcer.finish()
    assert scene.feed.names() == ["created", "phase", "phase", "verdict", "completed"]
    assert scene.people.titles() == ["PROMOTE"]
    assert scene.feed.sent[-1].payload == {"verdict": "PROMOTE", "outcome": "reported", "error": None}


def test_a_verdict_says_figures_reasons_and_what_to_do(scene):
    scene.store.append(scene.id, EventKind.NOTE, "flow_run", {"id": "1-2", "url": "http://prefect/run/1-2"})
    scene.enter(Phase.COMPARING)
    scene.judge()
    scene.announcer().look()
    (notice,) = scene.people.told
    assert notice.tone is Tone.SUCCESS
    assert "✓ active series cut ≥ " in notice.body
    assert "Next: make it the active pipeline: phoenix experiment promote topk-on-web" in notice.body
    assert "http://prefect/run/1-2" in notice.body
    assert f"{scene.id}/report.html" in notice.body
    (event,) = [a for a in scene.feed.sent if a.event == "phoenix.experiment.verdict"]
    assert event.payload["criteria"][0]["lower"] < event.payload["criteria"][0]["upper"]
    assert event.flow_run == "1-2"


def test_a_person_who_is_asked_gets_the_commands(scene):
    scene.enter(Phase.AWAITING_APPROVAL)
    scene.announcer().look()
    assert scene.feed.names()[-2:] == ["phase", "approval_needed"]
    assert scene.people.titles() == ["approval needed"]
    assert "phoenix experiment promote topk-on-web --reason" in scene.people.told[0].body
    assert "phoenix experiment stop topk-on-web --reason" in scene.people.told[0].body


@pytest.mark.parametrize(
    ("phase", "words"), [(Phase.WATCHING, "is being restored"), (Phase.AWAITING_APPROVAL, "is not promoted")]
)
def test_a_breach_says_what_is_done_about_it(scene, phase, words):
    scene.enter(phase)
    scene.store.append(scene.id, EventKind.NOTE, "breach", {"reason": "a critical process was missed"})
    scene.announcer().look()
    assert scene.feed.names()[-1] == "breach"
    assert "a critical process was missed" in scene.people.told[-1].body
    assert words in scene.people.told[-1].body


@pytest.mark.parametrize(
    ("outcome", "names"),
    [
        (Outcome.PROMOTED, ["promoted", "completed"]),
        (Outcome.REVERTED, ["rolled_back", "completed"]),
        (Outcome.ROLLED_BACK, ["rolled_back", "completed"]),
    ],
)
def test_what_became_of_the_candidate_is_an_event(scene, outcome, names):
    scene.enter(Phase.CLEANING_UP)
    scene.store.finish(scene.id, Phase.COMPLETED, outcome, "")
    scene.announcer().look()
    assert scene.feed.names()[2:] == names


def test_a_rollback_that_failed_is_no_second_promotion(scene):
    scene.enter(Phase.CLEANING_UP)
    scene.store.finish(scene.id, Phase.COMPLETED, Outcome.PROMOTED, "")
    scene.announcer().look()
    scene.store.enter(scene.id, Phase.ROLLING_BACK)
    scene.store.finish(scene.id, Phase.COMPLETED, Outcome.PROMOTED, "The rollback did not succeed: no disk")
    scene.announcer().look()
    assert scene.feed.names().count("promoted") == 1
    assert scene.people.titles() == ["over, with an error"]


def test_what_a_dead_driver_told_is_not_told_again(scene):
    scene.enter(Phase.COMPARING)
    scene.judge()
    scene.announcer().look()
    scene.store.finish(scene.id, Phase.STOPPED, Outcome.STOPPED, "its driver was lost")
    scene.announcer().finish()
    assert scene.people.titles() == ["PROMOTE", "stopped"]
    assert scene.feed.names().count("verdict") == 1
    scene.announcer().finish()
    assert len(scene.people.told) == 2


def test_the_mark_is_there_before_anybody_is_told(scene, monkeypatch):
    def die(_notice: Notice) -> None:
        raise KeyboardInterrupt

    scene.enter(Phase.COMPARING)
    scene.judge()
    monkeypatch.setattr(scene.people, "notify", die)
    with pytest.raises(KeyboardInterrupt):
        scene.announcer().look()
    assert scene.store.events(scene.id)[-1].step == ANNOUNCED


def test_a_server_that_comes_back_hears_what_it_missed(scene):
    announcer = scene.announcer()
    scene.feed.is_away = True
    scene.enter(Phase.VALIDATING)
    announcer.look()
    scene.enter(Phase.DEPLOYING)
    announcer.look()
    scene.feed.is_away = False
    announcer.look()
    assert scene.feed.names() == ["created", "phase", "phase"]


def test_the_same_event_has_the_same_id_whoever_tells_it(scene):
    scene.enter(Phase.VALIDATING)
    scene.announcer().look()
    scene.announcer().look()
    ids = [a.id for a in scene.feed.sent]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


def test_a_payload_stays_small(scene):
    scene.enter(Phase.COMPARING)
    scene.store.finish(scene.id, Phase.FAILED, Outcome.NONE, "x" * 100_000)
    scene.announcer().look()
    assert len(str(scene.feed.sent[-1].payload)) < 1000


NOTICE = Notice("Phoenix: a: PROMOTE", "b may replace a", Tone.SUCCESS)


def test_a_notice_arrives(tmp_path):
    with receiver() as told:
        notifier = AppriseNotifier(targets_of(told.url, None))
        notifier.notify(NOTICE)
        eventually(lambda: told.posts, what="the notice")
    assert told.posts[0]["title"] == NOTICE.title
    assert told.posts[0]["message"] == NOTICE.body
    assert told.posts[0]["type"] == "success"


def test_a_target_that_hangs_delays_nobody_and_is_told_once(caplog):
    with receiver() as told, hanging() as stuck:
        notifier = AppriseNotifier(targets_of(f"{stuck} {told.url}", None))
        notifier.notify(NOTICE)
        notifier.notify(NOTICE)
        eventually(lambda: len(told.posts) == 2, what="both notices at the other target")
        notifier.drain(0.1)
        notifier.drain(0.1)
    ours = [r for r in caplog.records if r.name.startswith("phoenix")]
    assert len(ours) == 1
    assert "target 1 of PHOENIX_NOTIFY (scheme json)" in caplog.text
    assert Receiver.SECRET not in caplog.text


def test_nothing_that_is_logged_holds_a_url(caplog):
    caplog.set_level(logging.DEBUG)
    with receiver() as told:
        notifier = AppriseNotifier(targets_of(f"{told.url} jsn://{Receiver.SECRET} {Receiver.SECRET}", None))
        notifier.notify(NOTICE)
        eventually(lambda: told.posts, what="the notice")
        notifier.drain(20)
    assert "target 3 of PHOENIX_NOTIFY (without a scheme)" in caplog.text
    assert Receiver.SECRET not in caplog.text


def test_malformed_urls_are_named_by_place_and_scheme():
    urls = f"json://127.0.0.1:9 slack://{Receiver.SECRET} {Receiver.SECRET}"
    with pytest.raises(SpecError) as refused:
        refuse_malformed(targets_of(urls, None))
    said = f"{refused.value} {refused.value.hint} {targets_of(urls, None)}"
    assert "target 2 of PHOENIX_NOTIFY (scheme slack)" in said
    assert "target 3 of PHOENIX_NOTIFY (without a scheme)" in said
    assert "target 1" not in str(refused.value)
    assert Receiver.SECRET not in said


def test_a_file_of_urls_may_have_comments(tmp_path):
    file = tmp_path / "urls"
    file.write_text("# the team\njson://127.0.0.1:9\n\nxml://127.0.0.1:9\n")
    assert [t.words for t in targets_of("", file)] == [
        "target 1 of PHOENIX_NOTIFY_FILE (scheme json)",
        "target 2 of PHOENIX_NOTIFY_FILE (scheme xml)",
    ]
    with pytest.raises(SpecError, match=r"cannot be read: No such file"):
        targets_of("", tmp_path / "none")
