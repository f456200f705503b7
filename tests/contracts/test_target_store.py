"""The contract of `TargetStore`, over the fake and over the real one on each database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta, timezone
from threading import Barrier

import pytest
from sqlalchemy import Engine

from phoenix.adapters.store.targets import SqlTargetStore
from phoenix.adapters.stores import TargetStore
from phoenix.domain.deployment import TargetRecord
from phoenix.domain.errors import StateError
from tests.fakes.targets import FakeTargetStore
from tests.support.clocks import START


@pytest.fixture
def store(database: Engine | None) -> TargetStore:
    return FakeTargetStore() if database is None else SqlTargetStore(database)


def a_target(name: str = "web-1", uri: str = "ssh://ops@web-1.example", **labels: str) -> TargetRecord:
    return TargetRecord(name, uri, labels, START)


def test_a_target_comes_back_as_it_was(store: TargetStore):
    target = a_target(role="web", größe="groß\x00", empty="")
    store.save(target)
    assert store.get("web-1") == target


def test_the_block_by_which_it_is_reached_comes_back_and_can_change(store: TargetStore):
    by_block = replace(a_target("block:web-1"), block="web-1")
    store.save(by_block)
    assert store.get("block:web-1") == by_block
    store.save(a_target("block:web-1"))
    assert store.get("block:web-1").block == ""


def test_moments_come_back_in_utc_and_need_a_zone(store: TargetStore):
    elsewhere = START.astimezone(timezone(timedelta(hours=5)))
    store.save(TargetRecord("web-1", "local", {}, elsewhere))
    assert store.get("web-1").created_at.utcoffset() == timedelta(0)
    assert store.get("web-1").created_at == START
    with pytest.raises(ValueError, match="time zone"):
        store.save(TargetRecord("web-2", "local", {}, START.replace(tzinfo=None)))


def test_saving_again_replaces_all_of_it(store: TargetStore):
    store.save(a_target(role="web", rack="a"))
    newer = TargetRecord("web-1", "local://web-1", {"role": "db"}, START + timedelta(days=1))
    store.save(newer)
    assert store.list() == (newer,)


def test_the_list_is_by_name_as_code_points(store: TargetStore):
    names = ["web-2", "Web-1", "web-10", "a", "_", "é"]
    for name in names:
        store.save(a_target(name))
    assert [target.name for target in store.list()] == sorted(names)


def test_an_unknown_name_is_refused_with_what_is_near(store: TargetStore):
    store.save(a_target("web-1"))
    with pytest.raises(StateError) as caught:
        store.get("wbe-1")
    assert caught.value.code == "unknown_target_name"
    assert "'web-1'" in caught.value.message
    assert caught.value.hint == "phoenix config target list"


def test_an_unknown_name_with_nothing_near_guesses_nothing(store: TargetStore):
    store.save(a_target("web-1"))
    with pytest.raises(StateError) as caught:
        store.get("production")
    assert caught.value.message == "No target is saved as 'production'."


def test_removing_twice_is_once_and_takes_only_that_one(store: TargetStore):
    for name in ("web-1", "web-2"):
        store.save(a_target(name))
    store.remove("web-1")
    store.remove("web-1")
    assert [target.name for target in store.list()] == ["web-2"]


SELECTIONS = [
    ({}, ["db-1", "web-1", "web-2"]),
    ({"role": "web"}, ["web-1", "web-2"]),
    ({"role": "web", "rack": "a"}, ["web-1"]),
    ({"rack": "a"}, ["db-1", "web-1"]),
    ({"role": "we"}, []),
    ({"role": ""}, []),
    ({"colour": "red"}, []),
    ({"role": "web", "colour": "red"}, []),
]


@pytest.mark.parametrize(("labels", "names"), SELECTIONS)
def test_every_given_label_must_be_there_with_its_value(
    store: TargetStore, labels: dict[str, str], names: list[str]
):
    store.save(a_target("web-2", role="web", rack="b"))
    store.save(a_target("web-1", role="web", rack="a"))
    store.save(a_target("db-1", role="db", rack="a"))
    assert [target.name for target in store.select(labels)] == names


@pytest.mark.parametrize("text", ["web\x00", "web\udcff"])
def test_a_name_that_would_come_back_otherwise_is_refused(store: TargetStore, text: str):
    for target in (a_target(text), a_target(uri=text)):
        with pytest.raises(ValueError, match="as it is"):
            store.save(target)
    assert store.list() == ()


def test_two_that_save_one_name_at_once_leave_one_of_theirs(store: TargetStore):
    at_once = Barrier(2)

    def save(uri: str) -> None:
        at_once.wait()
        store.save(a_target(uri=uri, owner=uri))

    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            store.remove("web-1")
            list(pool.map(save, ("local://a", "local://b")))
            (kept,) = store.list()
            assert kept in (a_target(uri=uri, owner=uri) for uri in ("local://a", "local://b"))
