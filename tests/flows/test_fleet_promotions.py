"""Promotion over four hosts, on real collectors: judged by the kernel's process table, whoever dies in stage two."""

import os
import signal
from dataclasses import replace

import pytest

from phoenix.composition import compose
from phoenix.domain.phases import Phase
from phoenix.domain.record import EventKind
from tests.support.deployed import collectors, folder_of
from tests.support.experiments import Command, phoenix, write_spec
from tests.support.production import critical_processes, judged_copy
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "prefect_server")]

HOSTS = tuple(f"local://{letter}" for letter in "abcd")
TARGETS = [argument for host in HOSTS for argument in ("--target-host", host)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Four hosts of one state folder; nothing serves on them in the end."""
    folder = tmp_path_factory.mktemp("fleet") / "home"
    critical = critical_processes(tmp_path_factory.mktemp("critical"))
    with critical, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOENIX_HOME", str(folder))
        yield folder
        phoenix("pipeline", "delete", *TARGETS, "--yes")


@pytest.fixture(scope="module")
def fleet(home):
    """The baseline serves everywhere; returns its version."""
    deployed = phoenix("pipeline", "deploy", "process-baseline-v1", "--set", "scrape_interval=1s", *TARGETS)
    assert deployed.code == 0, deployed.err
    (version,) = set(serving().values())
    return version


def judged(folder, watch: str):
    """An experiment over the four hosts that may be promoted."""
    phoenix_here = compose()
    spec = write_spec(folder, targets=list(HOSTS), load=None, watch=watch)
    pending = phoenix_here.experiments.create(phoenix_here.drafts.read(spec))
    phoenix_here.store.delete(pending.id)
    verdict = {"phase": Phase.COMPLETED, "driver": None, "result": {"verdict": "PROMOTE"}}
    return judged_copy(replace(pending, **verdict), pending.document)


def serving() -> dict[str, str]:
    """By host, the version of what serves there: the one collector that the kernel shows of that host."""
    found = {}
    for target in HOSTS:
        active = compose().hosts.open(target).active()
        assert active is not None, target
        assert collectors(folder_of(target)) == {active.pid}, target
        found[target] = active.version
    return found


def await_stage_two(experiment: str, kind: EventKind) -> None:
    """Wait until all three hosts of stage two have begun, or ended, their hand-over."""

    def reached() -> bool:
        events = compose().store.events(experiment)
        return sum(e.kind is kind and e.step.startswith("promote@") for e in events) == len(HOSTS)

    eventually(reached, seconds=300, what=f"{kind} of every hand-over")


def test_a_breach_in_stage_two_takes_all_four_back(fleet, tmp_path):
    before = serving()
    record = judged(tmp_path, watch="6s")
    command = Command("experiment", "promote", record.id)
    await_stage_two(record.id, EventKind.DONE)
    promoted = serving()
    assert set(promoted.values()).isdisjoint(before.values())
    os.kill(compose().hosts.open("local://c").active().pid, signal.SIGKILL)
    ended = command.result()
    assert ended.code == 10, ended.err
    assert serving() == before
    found = compose().store.get(record.id)
    assert (found.phase.value, found.outcome.value) == ("completed", "reverted")
    steps = [e.step for e in compose().store.events(record.id) if e.kind is EventKind.UNDONE]
    assert sorted(steps) == [f"promote@{host}" for host in HOSTS]
    (breach,) = [e.data["reason"] for e in compose().store.events(record.id) if e.step == "breach"]
    assert "the promoted pipeline on local://c died" in breach


def test_a_control_plane_that_dies_in_stage_two_leaves_one_pipeline_on_each_host(fleet, tmp_path):
    before = serving()
    record = judged(tmp_path, watch="1s")
    command = Command("experiment", "promote", record.id)
    await_stage_two(record.id, EventKind.INTENT)
    driver = compose().store.get(record.id).driver.pid
    command.process.kill()
    os.kill(driver, signal.SIGKILL)
    command.result()
    recovered = phoenix("recover", "-o", "json")
    assert recovered.code == 0, recovered.err
    after = serving()
    assert len(set(after.values())) == 1
    found = compose().store.get(record.id)
    assert found.outcome.value == ("reported" if after == before else "promoted")
    assert phoenix("recover").code == 0
    assert (serving(), compose().store.get(record.id)) == (after, found)
    if after != before:
        assert phoenix("experiment", "rollback", record.id).code == 0


def test_a_promotion_that_held_is_rolled_back_by_a_person(fleet, tmp_path):
    before = serving()
    record = judged(tmp_path, watch="1s")
    promoted = phoenix("experiment", "promote", record.id)
    assert promoted.code == 0, promoted.err
    assert set(serving().values()).isdisjoint(before.values())
    back = phoenix("experiment", "rollback", record.id, "--reason", "it is too quiet")
    assert back.code == 0, back.err
    assert serving() == before
    found = compose().store.get(record.id)
    assert (found.phase.value, found.outcome.value, found.error) == ("completed", "reverted", "")
    again = phoenix("experiment", "rollback", record.id)
    assert again.code == 3
    assert "its outcome is reverted" in again.err
