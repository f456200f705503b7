"""Production is never lost: whoever falls silent at whichever moment, exactly one of old and new serves."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from phoenix.adapters.hosts.marks import revision_number
from phoenix.adapters.hosts.slot_host import SlotHost
from phoenix.adapters.machines.local import LocalMachine
from phoenix.domain.errors import DependencyError, SpecError, StateError
from tests.adapters.hosts.deeds import (
    DEEDS,
    KEY,
    KEYED,
    NEW,
    OLD,
    OTHER_KEYED,
    Deed,
    dismantle,
    retired,
    serve,
)
from tests.adapters.hosts.mortal import NEVER, MortalMachine, spread
from tests.adapters.hosts.support import (
    LONG,
    OTHER_CONFIG,
    assert_gone,
    await_that,
    launch,
    local_host,
    of_folder,
)

pytestmark = pytest.mark.real


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "host"
    yield folder
    host = local_host(folder)
    dismantle(host)
    assert host.leftovers("exp-1") == ()
    assert_gone(folder)
    assert secrets_in(folder) == []


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("THEIR_KEY", KEY)


def secrets_in(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(folder)) for path in files if KEY.encode() in path.read_bytes())


def collectors_in(folder: Path, place: str) -> list[int]:
    found = (pid for pid, name in of_folder(folder).items() if name == "otelcol-phoenix")
    return [pid for pid in found if psutil.Process(pid).environ()["PHOENIX_PLACE"] == place]


def kill(host: SlotHost, place: str) -> None:
    os.kill(host.collector(place).pid, signal.SIGKILL)
    await_that(lambda: host.exit_reason(place), "it died")


def record_of(folder: Path, place: str) -> Path:
    return folder / "places" / place / "process.json"


def edit(folder: Path, place: str, change: Callable[[dict], object]) -> None:
    record = json.loads(record_of(folder, place).read_text())
    change(record)
    record_of(folder, place).write_text(json.dumps(record))


def verbs_of(folder: Path, deed: Deed) -> int:
    """How many verbs of the machine it takes."""
    deed.before(local_host(folder))
    machine = MortalMachine(LocalMachine(sys.executable), NEVER)
    deed.act(local_host(folder, machine=machine))
    return machine.done


MOMENTS = 5


@pytest.mark.parametrize("name", DEEDS)
@pytest.mark.parametrize("count", [MOMENTS, pytest.param(200, marks=pytest.mark.soak)])
def test_whoever_dies_in_the_middle_leaves_one_that_serves_and_loses_nothing(folder, name, count):
    deed = DEEDS[name]
    for after in spread(verbs_of(folder, deed), count):
        dismantle(local_host(folder))
        deed.before(local_host(folder))
        machine = MortalMachine(LocalMachine(sys.executable), after)
        try:
            deed.act(local_host(folder, machine=machine))
        except DependencyError:
            assert machine.is_dead
        host = local_host(folder)
        host.clear("exp-1")
        assert host.leftovers("exp-1") == (), after
        active = host.active()
        assert active, after
        assert active.place in deed.serves, after
        assert host.exit_reason(active.place) is None, after
        assert list(of_folder(folder).values()).count("otelcol-phoenix") == 1, after
        for place in {*deed.kept} - {active.place}:
            assert host.revive(place, host.acquire("exp-1", LONG)).pid in collectors_in(folder, place), after
        kept = {f"places/{place}/environment" for place in {active.place, *deed.kept}}
        assert set(secrets_in(folder)) == kept, after


def test_one_that_was_revived_by_somebody_who_died_is_revived_once(folder):
    retired(local_host(folder))
    lease = local_host(folder).acquire("exp-1", LONG)
    machine = MortalMachine(LocalMachine(sys.executable))
    host = local_host(folder, machine=machine)
    host.revive(OLD, lease)
    verbs = machine.done
    host.retire(OLD)
    dying = MortalMachine(LocalMachine(sys.executable), verbs - 6)
    with pytest.raises(DependencyError):
        local_host(folder, machine=dying).revive(OLD, lease)
    running = local_host(folder).revive(OLD, lease)
    assert collectors_in(folder, OLD) == [running.pid]
    assert host.exit_reason(OLD) is None


def test_the_revision_that_was_just_replaced_is_kept_whatever_its_number(folder):
    host = local_host(folder)
    for number in (2, 3, 4):
        serve(host, f"revision-{number}")
        host.retire(f"revision-{number}")
    serve(host, "revision-5")
    host.revive("revision-2", host.acquire("exp-1", LONG))
    host.activate("revision-2", host.acquire("exp-1", LONG))
    host.retire("revision-5")
    serve(host, "revision-6", OTHER_KEYED)
    host.retire("revision-2")
    assert [revision_number(one.place) for one in host.revisions()] == [2, 4, 5, 6]
    assert host.active().place == "revision-6"


def test_a_retired_one_says_so(folder):
    host = local_host(folder)
    retired(host)
    assert "was replaced" in host.exit_reason(OLD)


def test_a_port_that_somebody_took_meanwhile_does_not_keep_production_down(folder):
    host = local_host(folder)
    serve(host, OLD)
    port = json.loads(record_of(folder, OLD).read_text())["telemetry"]
    kill(host, OLD)
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        busy.bind(("127.0.0.1", port))
        busy.listen()
        running = host.revive(OLD, host.acquire("exp-1", LONG))
        assert str(port) not in running.telemetry_url
        assert host.active() == running
        environ = psutil.Process(running.pid).environ()
        assert environ["THEIR_KEY"] == KEY


def test_secrets_that_only_the_host_keeps_survive_a_port_that_was_taken(folder, monkeypatch):
    from phoenix.adapters.hosts import collectors
    from phoenix.adapters.hosts.ports import free_ports

    host = local_host(folder)
    lease = host.acquire("exp-1", LONG)
    host.start_collector(OLD, launch(config=KEYED, lifetime=None), lease)
    monkeypatch.delenv("THEIR_KEY")
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        offers = iter([(taken, *free_ports(LocalMachine(sys.executable), 2))])
        monkeypatch.setattr(
            collectors, "free_ports", lambda machine, count: next(offers, None) or free_ports(machine, count)
        )
        again = replace(launch(config=OTHER_KEYED, lifetime=None), environment_of=OLD)
        running = host.start_collector(OLD, again, lease)
    assert psutil.Process(running.pid).environ()["THEIR_KEY"] == KEY


def test_what_an_earlier_version_started_is_found_and_not_lost(folder):
    host = local_host(folder)
    running = serve(host, OLD)
    sleeper = {
        place: subprocess.Popen(
            ["sleep", "600"],
            env={"PHOENIX_OWNER": "exp-1", "PHOENIX_PLACE": f"local/{place}", "PHOENIX_FOLDER": str(folder)},
        )
        for place in (OLD, "baseline")
    }
    try:
        await_that(lambda: len(host.leftovers("exp-1")) == 2, "the lease and one of baseline")
        host.clear("exp-1")
        assert sleeper["baseline"].wait(5) == -signal.SIGTERM
        assert sleeper[OLD].poll() is None
        assert host.active() == running
        host.activate(None, host.acquire("exp-1", LONG))
        host.stop_collector(OLD)
        assert sleeper[OLD].wait(5) == -signal.SIGTERM
    finally:
        for one in sleeper.values():
            one.kill()
            one.wait()


def test_production_of_an_earlier_version_is_started_again(folder):
    host = local_host(folder)
    serve(host, OLD)
    kill(host, OLD)
    (folder / "places" / OLD / "environment").unlink()
    edit(folder, OLD, lambda record: (record.pop("binary"), record.pop("retired")))
    running = host.revive(OLD, host.acquire("exp-1", LONG))
    assert psutil.Process(running.pid).environ()["THEIR_KEY"] == KEY
    assert host.active() == running


def test_production_whose_secrets_are_nowhere_says_which(folder, monkeypatch):
    host = local_host(folder)
    serve(host, OLD)
    kill(host, OLD)
    (folder / "places" / OLD / "environment").unlink()
    monkeypatch.delenv("THEIR_KEY")
    with pytest.raises(StateError, match="THEIR_KEY") as refusal:
        host.revive(OLD, host.acquire("exp-1", LONG))
    assert refusal.value.code == "environment_missing"


@pytest.mark.parametrize("fault", ['encoding: "${env:THEIR_KEY}"', 'tls: {min_version: "${env:THEIR_KEY}"}'])
def test_a_refusal_names_the_fault_at_once_and_no_secret(folder, fault):
    """The collector's first line only announces those that say what is wrong, and they quote what it was given."""
    wrong = KEYED.replace('endpoint: "http', f'{fault}, endpoint: "http')
    host = local_host(folder)
    with pytest.raises(SpecError, match="THEIR_KEY") as refusal:
        host.start_collector(OLD, launch(config=wrong), host.acquire("exp-1", LONG))
    told = refusal.value
    assert "\n" not in told.message
    assert KEY not in repr((told.message, told.hint, told.details, told.findings))


def test_a_secret_that_a_collector_writes_into_its_log_is_not_repeated(folder):
    host = local_host(folder)
    serve(host, OLD)
    kill(host, OLD)
    with (folder / "places" / OLD / "collector.log").open("a") as log:
        log.write(f"dial https://user:{KEY}@backend: refused\n")
    assert "https://user:${env:THEIR_KEY}@backend" in host.exit_reason(OLD)
    host.activate(None, host.acquire("exp-1", LONG))
    assert "https://user:${env:THEIR_KEY}@backend" in host.stop_collector(OLD)


def test_a_record_of_a_later_version_is_read(folder):
    host = local_host(folder)
    retired(host)
    for place in (OLD, NEW):
        edit(folder, place, lambda record: record.update(what_comes_later=1))
    edit(folder, NEW, lambda record: record["identity"].update(what_comes_later=1))
    assert host.active().place == NEW
    assert host.exit_reason(NEW) is None
    assert host.leftovers("exp-2") == ()
    host.clear("exp-2")
    assert [one.place for one in host.revisions()] == [OLD, NEW]


def test_what_another_owner_put_into_the_place_meanwhile_stays(folder):
    """One clears what it found a moment ago; its lease was over, and the next one was quicker."""
    host = local_host(folder)
    host.start_collector("baseline", launch(config=OTHER_CONFIG), host.acquire("exp-1", LONG))
    host.release("exp-1")
    taken = []

    class Quicker(LocalMachine):
        def processes(self):
            if not taken:
                taken.append(True)
                other = local_host(folder)
                lease = other.acquire("exp-2", LONG)
                taken.append(other.start_collector("baseline", launch("exp-2"), lease))
            return super().processes()

    local_host(folder, machine=Quicker(sys.executable)).clear("exp-1")
    assert host.collector("baseline") == taken[1]
    assert host.exit_reason("baseline") is None
    host.clear("exp-2")
