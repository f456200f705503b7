"""`phoenix up` on real parts: told, shown, started again, ended with all it started and nothing else."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from phoenix.adapters.control_plane import state
from phoenix.domain.errors import StateError
from phoenix.domain.phases import Phase
from tests.support.control_plane import STOP_SECONDS, ControlPlane, environment_of
from tests.support.experiments import PHOENIX, QUICK
from tests.support.leftovers import is_listening, live_pids, processes_using
from tests.support.waiting import eventually

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def warm(tmp_path_factory, control_plane):
    """A state folder whose Prefect database is made: a copy of the shared one's, without its flow runs."""
    home = tmp_path_factory.mktemp("up") / "home"
    shutil.copytree(control_plane.home / "prefect/ui", home / "prefect/ui")
    with (
        closing(sqlite3.connect(control_plane.home / "prefect/prefect.db", timeout=60)) as there,
        closing(sqlite3.connect(home / "prefect/prefect.db")) as here,
    ):
        there.backup(here)
        here.execute("DELETE FROM flow_run")
        here.commit()
    return home


def phoenix(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PHOENIX, *arguments],
        env=environment_of(home, variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def part(home: Path, name: str) -> state.PartStatus:
    found = state.running(home)
    assert found is not None
    return next(one for one in found.parts if one.name == name)


def gone(home: Path) -> bool:
    return not processes_using(home)


class TestTheSharedOne:
    """What needs no control plane of its own."""

    def test_it_shows_each_part_and_the_value_for_prefect_api_url(self, control_plane):
        done = phoenix(control_plane.home, "up", "status", "-o", "json")
        shown = json.loads(done.stdout)
        assert (done.returncode, shown["state"]) == (0, "ready")
        assert shown["prefect"]["apiUrl"] == control_plane.api_url
        assert control_plane.api_url == shown["prefect"]["uiUrl"] + "/api"
        states = {one["name"]: one["state"] for one in shown["parts"] if one["name"] != "recovery"}
        assert states == {
            "prefect-server": "running",
            "deployments": "done",
            "worker-1": "running",
            "api": "running",
        }
        server = next(one for one in shown["parts"] if one["name"] == "prefect-server")
        assert server["pid"] in processes_using(control_plane.home)
        assert is_listening(int(server["url"].rpartition(":")[2]))
        assert shown["supervisor"]["pid"] == control_plane.process.pid

    def test_it_tells_what_it_waits_for_and_where_to_look(self, control_plane):
        said = (control_plane.home / "up.log").read_text()
        assert "a first start makes its database: about 25 s" in said
        assert f"Prefect UI       {control_plane.api_url.removesuffix('/api')}" in said
        assert f"PREFECT_API_URL  {control_plane.api_url}" in said

    def test_the_api_answers_as_one_of_its_parts_and_the_first_admin_gets_a_link(self, control_plane):
        shown = json.loads(phoenix(control_plane.home, "up", "status", "-o", "json").stdout)
        url = shown["api"]["url"]
        assert httpx.get(f"{url}/readyz").json() == {"status": "ok"}
        assert httpx.get(f"{url}/api/v1/experiments").status_code == 401
        said = (control_plane.home / "up.log").read_text()
        assert f"first admin      {url}/api/v1/auth/setup#" in said
        log = (control_plane.home / "logs/api.log").read_text()
        assert url in log
        assert "setup#" not in log

    def test_its_file_is_private(self, control_plane):
        assert (control_plane.home / state.STATE_FILE).stat().st_mode & 0o777 == 0o600
        assert (control_plane.home / "logs").stat().st_mode & 0o777 == 0o700

    def test_it_listens_on_loopback_only(self, control_plane):
        port = int(control_plane.api_url.removesuffix("/api").rpartition(":")[2])
        listeners = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
        listening = {line.split()[1] for line in listeners.splitlines() if line.split()[3:4] == ["0A"]}
        assert {one for one in listening if one.endswith(f":{port:04X}")} == {f"0100007F:{port:04X}"}

    def test_pages_of_others_may_not_use_it(self, control_plane):
        def allowed(origin: str) -> str | None:
            asked = httpx.get(f"{control_plane.api_url}/health", headers={"Origin": origin}, timeout=60)
            return asked.headers.get("Access-Control-Allow-Origin")

        own = control_plane.api_url.removesuffix("/api")
        assert allowed(own) == own
        assert allowed("https://elsewhere.example") is None

    def test_a_second_one_is_refused_and_a_detached_one_shows_the_first(self, control_plane):
        refused = phoenix(control_plane.home, "up")
        assert refused.returncode == 3
        assert f"is up already, held by process {control_plane.process.pid}" in refused.stderr
        shown = phoenix(control_plane.home, "up", "--detach", "-o", "json")
        assert shown.returncode == 0
        assert json.loads(shown.stdout)["prefect"]["apiUrl"] == control_plane.api_url

    def test_a_taken_port_is_refused_where_it_was_asked_for(self, tmp_path):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            refused = phoenix(tmp_path / "home", "up", "--port", str(port))
        assert refused.returncode == 3
        assert f"Port {port} is taken" in refused.stderr
        assert "--prefect-url" in refused.stderr

    def test_several_workers_on_sqlite_are_refused_with_the_way_out(self, tmp_path):
        refused = phoenix(tmp_path / "home", "up", "--workers", "2")
        assert refused.returncode == 3
        assert "database is locked" in refused.stderr
        assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" in refused.stderr

    def test_an_address_with_a_password_is_refused_and_not_repeated(self, tmp_path):
        refused = phoenix(tmp_path / "home", "up", "--prefect-url", "http://me:hunter2@127.0.0.1:1/api")
        assert refused.returncode == 2
        assert "hunter2" not in refused.stdout + refused.stderr

    def test_where_nothing_is_up_that_is_said(self, tmp_path):
        down = phoenix(tmp_path / "home", "down")
        assert (down.returncode, down.stderr.strip()) == (0, "nothing is up")
        shown = phoenix(tmp_path / "home", "up", "status", "-o", "json")
        assert shown.returncode == 3
        assert json.loads(shown.stdout)["state"] == "down"

    def test_with_a_server_that_is_there_none_is_started_and_that_one_lives_on(self, control_plane, tmp_path):
        home = tmp_path / "home"
        with ControlPlane(home, "--prefect-url", control_plane.api_url) as second:
            found = state.running(home)
            assert found is not None
            assert [one.name for one in found.parts] == ["deployments", "worker-1", "api", "recovery"]
            assert (second.api_url, found.owns_server) == (control_plane.api_url, False)
        assert gone(home)
        assert control_plane.is_ready()
        # The deployments are those of the second one's store now: back to what other tests expect.
        subprocess.run(
            [sys.executable, "-m", "flows.registration"],
            env={**control_plane.env, "PREFECT_API_URL": control_plane.api_url},
            check=True,
            timeout=120,
        )


def test_a_part_that_is_killed_is_started_again_and_recovery_runs(warm):
    with ControlPlane(warm) as running:
        first = eventually(lambda: _recovered(warm), seconds=300, what="the first recovery")
        before = part(warm, "worker-1")
        assert before.pid is not None
        os.kill(before.pid, signal.SIGKILL)
        eventually(lambda: part(warm, "worker-1").restarts == 1, seconds=300, what="a restart")
        eventually(running.is_ready, seconds=120, what="ready again")
        now = part(warm, "worker-1")
        assert now.pid != before.pid
        assert "it was ended by SIGKILL; last words:\nWorker 'phoenix-" in now.words
        assert "died and is started again" in running.said()
        again = eventually(lambda: _recovered(warm, after=first), seconds=120, what="another recovery")
        assert again.since > now.since

        server = part(warm, "prefect-server")
        os.kill(server.pid or 0, signal.SIGKILL)
        eventually(lambda: part(warm, "prefect-server").restarts == 1, seconds=300, what="a restart")
        assert state.running(warm).stage is state.Stage.DEGRADED
        eventually(running.is_ready, seconds=120, what="ready again")
        assert part(warm, "worker-1").pid == now.pid
        eventually(lambda: _recovered(warm, after=again), seconds=120, what="another recovery")
        running.process.send_signal(signal.SIGINT)  # as Ctrl-C does
        assert running.process.wait(STOP_SECONDS) == 0
    assert gone(warm)


def _recovered(home: Path, after: state.PartStatus | None = None) -> state.PartStatus | None:
    found = part(home, "recovery")
    is_new = after is None or found.since > after.since
    return found if found.state is state.PartState.DONE and is_new else None


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        signal.SIGKILL,
        *(pytest.param(n, marks=pytest.mark.soak) for n in (signal.SIGINT, signal.SIGHUP)),
    ],
)
def test_a_signal_to_it_ends_all_that_it_started_and_nothing_else(warm, number, prefect_server):
    running = ControlPlane(warm)
    running.start()
    running.process.send_signal(number)
    code = running.process.wait(STOP_SECONDS)
    assert code == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    eventually(lambda: gone(warm), seconds=10, what=f"nothing of it runs: {processes_using(warm)}")
    assert state.running_api_url(warm) is None
    assert is_listening(int(prefect_server.removesuffix("/api").rpartition(":")[2]))


@pytest.mark.usefixtures("collector_binary")
def test_flow_runs_clean_up_before_their_worker_and_its_server_go(warm, monkeypatch):
    from phoenix.composition import compose

    monkeypatch.setenv("PHOENIX_HOME", str(warm))
    with ControlPlane(warm) as running:
        spec = {**QUICK, "minimumScrapes": 240, "maximumDuration": "10m", "targets": ["local://ended"]}
        run = running.run_deployment("experiment/experiment", {"name": "ended", "spec": spec})
        eventually(lambda: _measures("ended"), seconds=300, what=f"it to measure:\n{running.said()}")
        record = compose().experiments.get("ended")
        down = phoenix(warm, "down")
        assert down.returncode == 0
        assert "clean up (up to 60 s)" in down.stderr
        assert running.process.wait(10) == 0
    over = compose().experiments.get("ended")
    assert (over.phase, over.driver) == (Phase.STOPPED, None)
    assert live_pids(record.id) == set()
    assert compose().hosts.open("local://ended").lease() is None
    assert _state_in_the_database(warm, run) == "CANCELLED"
    assert gone(warm)


def _measures(name: str) -> bool:
    from phoenix.composition import compose

    try:
        record = compose().experiments.get(name)
    except StateError:
        return False
    assert not record.phase.is_over, record.error
    return record.phase in (Phase.WARMING_UP, Phase.MEASURING) and bool(live_pids(record.id))


def _state_in_the_database(home: Path, run: UUID) -> str:
    """As the server that is gone has left it."""
    with closing(sqlite3.connect(home / "prefect/prefect.db")) as database:
        found = database.execute("SELECT state_type FROM flow_run WHERE replace(id, '-', '') = ?", (run.hex,))
        return found.fetchone()[0]


def test_after_a_kill_it_starts_again_at_once_in_the_background_and_is_ended_by_down(warm):
    (warm / state.STATE_FILE).write_text('{"supervisor": {"machine": "?", "pid": 1, "started": 1}}')
    started = phoenix(warm, "up", "--detach", "--port", "0", "-o", "json")
    assert started.returncode == 0, started.stderr
    assert json.loads(started.stdout)["state"] == "ready"
    assert "the control plane is up after" in started.stderr
    ended = phoenix(warm, "down")
    assert (ended.returncode, ended.stderr.strip().splitlines()[-1]) == (0, "the control plane is down")
    assert gone(warm)
