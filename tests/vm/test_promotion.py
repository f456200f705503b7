"""Promotions over three real hosts: in stages, taken back everywhere at the first breach, and undone afterwards."""

from dataclasses import replace

import pytest

from phoenix.composition import compose
from phoenix.domain.phases import Phase
from phoenix.domain.record import EventKind
from tests.support.experiments import Command, phoenix, write_spec
from tests.support.production import judged_copy
from tests.support.waiting import eventually
from tests.vm.conftest import places

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "prefect_server")]


@pytest.fixture
def three(fleet):
    """Three hosts that serve a baseline; nothing afterwards."""
    hosts = fleet[:3]
    targets = [word for host in hosts for word in ("--target-host", host.uri)]
    done = phoenix("pipeline", "deploy", "process-baseline-v1", "--set", "scrape_interval=1s", *targets)
    assert done.code == 0, done.err
    yield hosts
    assert phoenix("pipeline", "delete", *targets, "--yes").code == 0


def judged(tmp_path, hosts):
    """An experiment over these hosts that was reported and may be promoted."""
    here = compose()
    spec = write_spec(
        tmp_path, targets=[host.uri for host in hosts], load=None, watch="8s", criticalProcesses=["^systemd$"]
    )
    pending = here.experiments.create(here.drafts.read(spec))
    here.store.delete(pending.id)
    verdict = {"phase": Phase.COMPLETED, "driver": None, "result": {"verdict": "PROMOTE"}}
    return judged_copy(replace(pending, **verdict), pending.document)


def stages_of(experiment_id: str) -> dict[str, set[EventKind]]:
    """What the ledger says of each stage."""
    found: dict[str, set[EventKind]] = {}
    for event in compose().store.events(experiment_id):
        if event.step.startswith("stage:"):
            found.setdefault(event.step, set()).add(event.kind)
    return found


def test_a_breach_in_stage_two_takes_every_host_back(three, tmp_path):
    before = places(three)
    record = judged(tmp_path, three)
    running = Command("experiment", "promote", record.id)

    def is_promoted() -> bool:
        return all(len(now) == 1 and now != old for now, old in zip(places(three), before, strict=True))

    eventually(is_promoted, seconds=150, what="the candidate to serve on three hosts")
    unit = f"phoenix-collector-{places(three)[2][0]}.service"
    assert three[2].run("systemctl", "stop", unit).returncode == 0
    assert EventKind.DONE not in stages_of(record.id)["stage:2"]
    ended = running.result()
    assert ended.code == 10, ended.err
    assert places(three) == before
    assert compose().store.get(record.id).outcome.value == "reverted"


def test_a_promotion_in_stages_holds_and_is_rolled_back_afterwards(three, tmp_path):
    before = places(three)
    record = judged(tmp_path, three)
    ended = Command("experiment", "promote", record.id).result()
    assert ended.code == 0, ended.err
    assert list(stages_of(record.id)) == ["stage:1", "stage:2"]
    assert all(len(now) == 1 and now != old for now, old in zip(places(three), before, strict=True))
    back = phoenix("experiment", "rollback", record.id, "--reason", "a person prefers the old one")
    assert back.code == 0, back.err
    assert places(three) == before
