"""Who we are on a host: root, one who may become root, and one who may do nothing but his own."""

from datetime import timedelta

import pytest

from tests.adapters.hosts.deeds import KEY, NEW, OLD, OTHER_KEYED, dismantle, serve
from tests.adapters.hosts.own_host import OwnHost
from tests.adapters.hosts.support import IDLE_LOAD, LONG, await_that, launch
from tests.vm.conftest import emptied

pytestmark = pytest.mark.real

HOME = "/home/plain/.local/state/phoenix"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("THEIR_KEY", KEY)


@pytest.fixture
def own_as(vm_hosts, tmp_path):
    vm = vm_hosts.shared("web-1")
    emptied(vm)
    made = []

    def as_user(user: str, query: str = "") -> OwnHost:
        made.append(OwnHost(vm, vm.uri_as(user) + query, vm_hosts.config, tmp_path))
        return made[-1]

    yield as_user
    for own in made:
        dismantle(own.host())
        assert own.host().leftovers("exp-1") == ()
        assert own.collectors() == {}
        assert own.units() == set()
        own.connection.close()


def live(own: OwnHost) -> None:
    """A life of production and an experiment beside it."""
    host = own.host()
    old = serve(host, OLD)
    new = serve(host, NEW, OTHER_KEYED)
    host.retire(OLD)
    lease = host.acquire("exp-1", LONG)
    arm = host.start_collector("baseline", launch(), lease)
    assert own.collectors() == {new.pid: NEW, arm.pid: "baseline"}
    assert own.environ(new.pid)["THEIR_KEY"] == KEY
    with host.start_load("exp-1", IDLE_LOAD, LONG) as load, host.open_census("exp-1", LONG) as census:
        assert load.status().achieved == 3
        assert {new.pid, arm.pid} <= census.take([arm.pid], timedelta(seconds=9)).processes.keys()
    host.clear("exp-1")
    assert host.leftovers("exp-1") == ()
    assert own.collectors() == {new.pid: NEW}
    lease = host.acquire("exp-1", LONG)
    again = host.revive(OLD, lease)
    host.activate(OLD, lease)
    host.retire(NEW)
    assert (again.digest, own.collectors()) == (old.digest, {again.pid: OLD})


def test_one_without_rights_works_in_his_own_home(own_as):
    own = own_as("plain")
    notices = own.host().notices()
    assert any("no systemd" in one for one in notices)
    live(own)
    (pid,) = own.collectors()
    assert own.sh('stat -c %U "/proc/$1"', str(pid)).strip() == "plain"
    assert own.sh('ls -A /var/lib/phoenix 2>/dev/null | grep -vxE "binaries|agents" || :') == ""
    assert own.sh('find "$1" -perm /077 -name environment; stat -c %a "$1/places"', HOME).split() == ["700"]
    assert own.units() == set()
    own.sh('kill -KILL "$1"', str(pid))
    await_that(lambda: own.host().exit_reason(OLD), "its end")
    assert "SIGKILL" in own.host().exit_reason(OLD)


def test_one_who_may_become_root_has_what_root_has(own_as):
    own = own_as("ops", "?sudo=true")
    assert own.host().notices() == ()
    live(own)
    assert own.units() == {"phoenix-collector-active.service", f"phoenix-collector-{OLD}.service"}
    assert own.sh("ls -A /home/ops/.local 2>/dev/null || :") == ""
    root = own_as("root")
    assert root.host().active() == own.host().active()
