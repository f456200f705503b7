"""Collectors as units of a real host with systemd: whatever people, crashes and power cuts do to them."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from phoenix.adapters.hosts.remote import Deliveries
from phoenix.domain.errors import DependencyError
from tests.adapters.hosts.deeds import (
    DEEDS,
    KEY,
    KEYED,
    NEW,
    OLD,
    Deed,
    both,
    dismantle,
    exporting,
    retired,
    serve,
)
from tests.adapters.hosts.mortal import MortalMachine, spread
from tests.adapters.hosts.own_host import FOLDER, OwnHost
from tests.adapters.hosts.support import CONFIG, LONG, OTHER_CONFIG, await_that, collector_binary, launch
from tests.support.waiting import eventually
from tests.vm.conftest import emptied

pytestmark = pytest.mark.real

UNIT = "phoenix-collector-{}.service"
BOOT_UNIT = UNIT.format("active")


@pytest.fixture
def own(vm_hosts, tmp_path) -> Generator[OwnHost]:
    vm = vm_hosts.shared("web-1")
    own = OwnHost(vm, vm.uri, vm_hosts.config, tmp_path)
    emptied(vm)
    yield own
    dismantle(own.host())
    assert own.host().leftovers("exp-1") == ()
    assert own.units() == set()
    assert own.collectors() == {}
    assert own.holding(KEY) == []
    own.connection.close()


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("THEIR_KEY", KEY)


def unneeded() -> Path:
    raise AssertionError("nobody asked for the agent")


def start(own: OwnHost, place: str = "baseline", config: str = CONFIG, lifetime: timedelta | None = LONG):
    host = own.host()
    return host.start_collector(place, launch(config=config, lifetime=lifetime), host.acquire("exp-1", LONG))


def test_what_systemd_cannot_set_up_is_told_in_its_words_and_leaves_nothing(own):
    tls = "tls: {key_file: /etc/no-such.pem, cert_file: /etc/no-such.crt}"
    keyed = exporting(f'endpoint: "https://127.0.0.1:9", {tls}')
    with pytest.raises(DependencyError) as failure:
        start(own, OLD, keyed, None)
    assert "could not be set up by systemd (status 243): Failed to" in failure.value.message
    assert own.units() == set()
    assert own.host().leftovers("exp-1") == (f"lease on {own.uri}",)


WISHING = """
printf '[Unit]\\nWants=%s\\n[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n' "$1" \\
  >/run/systemd/system/wishing.service
systemctl daemon-reload; systemctl start wishing
"""


@pytest.mark.parametrize("is_remembered", [False, True])
def test_a_masked_unit_is_told_with_the_way_out(own, is_remembered):
    """Also where something of the host's own speaks of it: systemd still knows its last start then."""
    unit = UNIT.format("baseline")
    if is_remembered:
        own.sh(WISHING, unit)
        start(own)
        own.host().stop_collector("baseline")
    own.sh('systemctl --quiet mask "$1"', unit)
    try:
        with pytest.raises(DependencyError, match="LoadState=masked") as failure:
            start(own)
    finally:
        own.sh('systemctl --quiet unmask "$1"', unit)
    assert f"systemctl unmask {unit}" in failure.value.hint
    assert own.collectors() == {}
    running = start(own)
    assert own.collectors() == {running.pid: "baseline"}
    own.sh("rm -f /run/systemd/system/wishing.service; systemctl stop wishing || :; systemctl daemon-reload")


def test_a_unit_that_a_person_stopped_edited_or_removed_is_started_as_it_was(own):
    host = own.host()
    running = serve(host, OLD)
    unit, path = UNIT.format(OLD), f"/etc/systemd/system/{UNIT.format(OLD)}"
    lease = host.acquire("exp-1", LONG)
    for harm in (
        'systemctl stop "$1"',
        'printf "[Service]\\nExecStart=/bin/no\\n" >"$2"; systemctl daemon-reload; systemctl restart "$1"; :',
        'systemctl kill --signal=KILL "$1"; systemctl stop "$1"; rm "$2"',
        'rm "$2"; systemctl daemon-reload; systemctl stop "$1" || :',
    ):
        own.sh(harm, unit, path)
        assert host.exit_reason(OLD) is not None
        assert host.active().digest == running.digest
        again = host.revive(OLD, lease)
        assert host.active() == again
        assert own.collectors() == {again.pid: OLD}
    assert own.environ(again.pid)["THEIR_KEY"] == KEY


def test_production_that_is_killed_is_started_by_systemd_and_told_as_it_runs(own):
    host = own.host()
    before = serve(host, OLD)
    own.sh('kill -KILL "$1"', str(before.pid))
    assert "was killed by SIGKILL" in eventually(lambda: host.exit_reason(OLD), what="its end")
    # systemd tells a process before that has become the collector.
    await_that(own.collectors, "its next start")
    assert host.exit_reason(OLD) is None
    after = host.active()
    assert own.collectors() == {after.pid: OLD}
    assert host.collector(OLD) == after
    assert after.pid != before.pid
    assert (
        host.start_collector(OLD, launch(config=KEYED, lifetime=None), host.acquire("exp-1", LONG)) == after
    )


def test_a_deadline_needs_none_of_us_and_its_end_is_told(own):
    running = start(own, lifetime=timedelta(seconds=1.5))
    own.connection.close()
    again = OwnHost(own.vm, own.uri, own.config, own.files)
    own.connection, own.machine = again.connection, again.machine
    await_that(lambda: own.collectors() == {}, "its deadline")
    assert "reached its deadline of 1.5 s" in own.host().exit_reason("baseline")
    assert own.host().collector("baseline") == running


def test_places_start_together_and_two_control_planes_do_not_hinder_each_other(own):
    other = OwnHost(own.vm, own.uri, own.config, own.files)
    places = ("baseline", "candidate", OLD, NEW)
    own.host().acquire("exp-1", LONG)

    def one(number: int):
        return start(own if number % 2 else other, places[number], (CONFIG, OTHER_CONFIG)[number // 2])

    with ThreadPoolExecutor(len(places)) as pool:
        started = list(pool.map(one, range(len(places))))
    assert own.collectors() == {running.pid: running.place for running in started}
    other.connection.close()


def test_units_of_places_that_somebody_removed_are_left_to_nobody(own):
    serve(own.host(), OLD)
    start(own)
    own.sh("rm -rf -- $1/active $1/places", str(FOLDER))
    left = own.host().leftovers("exp-2")
    assert {f"unit of {place}, which is not there" for place in ("baseline", OLD)} <= {*left}
    assert any("though none is active" in word for word in left)
    own.host().clear("exp-2")
    assert own.host().leftovers("exp-2") == ()
    assert own.units() == set()
    assert own.collectors() == {}


def test_production_whose_program_was_removed_is_brought_one(own):
    host = own.host()
    running = serve(host, OLD)
    own.sh("rm -rf -- $1/binaries; kill -KILL $2", str(FOLDER), str(running.pid))
    await_that(lambda: "status 203" in (host.exit_reason(OLD) or ""), "systemd to try in vain")
    assert "executable" in host.exit_reason(OLD)
    host.revive(OLD, host.acquire("exp-1", LONG))
    assert host.exit_reason(OLD) is None


def test_a_program_that_another_control_plane_is_about_to_start_is_not_forgotten(own, tmp_path):
    later = tmp_path / "otelcol-phoenix"
    later.write_bytes(collector_binary().read_bytes() + b"of a later version")

    def bring(binary: Callable[[], Path]) -> str:
        return Deliveries(own.uri, own.machine, binary, unneeded).collector().parent.name

    def kept() -> set[str]:
        return {*own.sh('ls "$1/binaries"', str(FOLDER)).split()}

    def an_hour_passes() -> None:
        own.sh("touch -d '2 hours ago' \"$1\"/binaries/*", str(FOLDER))

    theirs = bring(lambda: later)
    an_hour_passes()
    ours = bring(collector_binary)
    assert kept() == {ours}, "nobody asked for it, nothing runs it"
    assert bring(lambda: later) == theirs
    assert bring(collector_binary) == ours
    assert kept() == {ours, theirs}, "it was asked for a moment ago"
    own.host(binary=lambda: later).start_collector("baseline", launch(), own.host().acquire("exp-1", LONG))
    an_hour_passes()
    assert bring(collector_binary) == ours
    assert kept() == {ours, theirs}, "it runs"
    own.host().stop_collector("baseline")
    an_hour_passes()
    assert bring(collector_binary) == ours
    assert kept() == {ours}


def test_secrets_lie_in_one_file_that_only_root_reads_and_are_told_nowhere(own):
    host = own.host()
    retired(host)
    files = [str(FOLDER / "places" / place / "environment") for place in (OLD, NEW)]
    assert own.holding(KEY) == files
    assert own.sh('stat -c "%a %U" -- "$@"', *files).splitlines() == ["600 root"] * 2
    told = own.sh(
        "systemctl show 'phoenix-*' --all; systemctl cat 'phoenix-*'; journalctl -o export; ps axww"
    )
    assert "otelcol-phoenix" in told
    assert KEY not in told


NASTY = [
    "'", '"', "$HOME", "`id`", "\\", "\\\\", "\\n", "\\$", '\\"', "a\\", "%n %% %", " both ends ",
    "\ttab\t", "é ü 漢字 🎉 \u2028 \u0301", "#no comment", ";no comment", "a=b=c", "${env:OTHER}", "$(id)",
    "!history", "~", "*", "{a,b}", "&|<>()", "-n", "", "x" * 60_000, "'\"'\"'", "\\x41\\u0041", "$$",
    "%%", "\u00a0nbsp\u00a0",
]  # fmt: skip


def test_any_line_of_text_reaches_the_collector_as_it_is(own, monkeypatch):
    names = [f"NASTY_{number}" for number in range(len(NASTY))]
    for name, value in zip(names, NASTY, strict=True):
        monkeypatch.setenv(name, value)
    headers = ", ".join(f'h{number}: "${{env:{name}}}"' for number, name in enumerate(names))
    config = exporting(f'endpoint: "http://127.0.0.1:9", headers: {{{headers}}}')
    running = start(own, OLD, config, None)
    given = own.environ(running.pid)
    assert [given.get(name) for name in names] == NASTY


def test_a_power_cut_leaves_production_and_nothing_else(own):
    host = own.host()
    both(host)
    start(own)
    own.sh("touch $1/lease.json.1.tmp", str(FOLDER))
    own.vm.power_off_hard()
    own.vm.boot()
    host = own.host()
    await_that(own.collectors, "production to serve again")
    assert host.exit_reason(OLD) is None
    active = host.active()
    assert own.collectors() == {active.pid: OLD}
    assert own.environ(active.pid)["THEIR_KEY"] == KEY
    assert (
        host.start_collector(OLD, launch(config=KEYED, lifetime=None), host.acquire("exp-1", LONG)) == active
    )
    for place in ("baseline", NEW):
        assert "ended when the host was rebooted" in host.exit_reason(place)
    host.clear("exp-1")
    assert host.leftovers("exp-1") == ()
    assert own.units() == {UNIT.format(OLD), BOOT_UNIT}
    assert own.collectors() == {active.pid: OLD}


FEW, ALL = 3, 200


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((name, FEW) for name in ("activate", "retire", "revive")),
        *(pytest.param(name, ALL, marks=pytest.mark.soak) for name in DEEDS),
    ],
)
def test_whoever_dies_in_the_middle_leaves_one_that_serves_and_loses_nothing(own, name, count):
    deed = DEEDS[name]
    deed.before(own.host())
    machine = MortalMachine(own.machine)
    deed.act(own.host(machine))
    for after in spread(machine.done, count):
        dismantle(own.host())
        die_of(own, deed, after)


def die_of(own: OwnHost, deed: Deed, after: int) -> None:
    deed.before(own.host())
    machine = MortalMachine(own.machine, after)
    try:
        deed.act(own.host(machine))
    except DependencyError:
        assert machine.is_dead
    host = own.host()
    host.clear("exp-1")
    assert host.leftovers("exp-1") == (), after
    active = host.active()
    assert active.place in deed.serves, after
    assert host.exit_reason(active.place) is None, after
    assert own.collectors() == {active.pid: active.place}, after
    assert own.units() == {UNIT.format(active.place), BOOT_UNIT}, after
    places = {active.place, *deed.kept}
    assert own.holding(KEY) == sorted(str(FOLDER / "places" / one / "environment") for one in places), after
    for place in places - {active.place}:
        assert host.revive(place, host.acquire("exp-1", LONG)).pid in own.collectors(), after
