"""`phoenix up --check`: what would not work is found without starting anything, and no secret is shown."""

import json
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from phoenix.composition import Phoenix
from phoenix.services.control_plane.findings import Check, CheckOutcome
from phoenix.services.control_plane.parts import Wanted
from phoenix.settings import Settings
from tests.support.control_plane import environment_of
from tests.support.experiments import PHOENIX

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

PRIVATE = "hunter2"
NOWHERE = "127.0.0.1:1/phoenix"

VARIABLES = (
    "PREFECT_API_URL",
    "PREFECT_HOME",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_API_DATABASE_CONNECTION_URL",
)


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def found(home: Path, wanted: Wanted | None = None, **settings: str) -> dict[str, Check]:
    """By what was looked at; the worst where there are several."""
    checks = list(Phoenix(Settings(home=home, **settings)).checking.run(wanted or Wanted(port=0)))
    assert not any(PRIVATE in f"{one.why}{one.fix}" for one in checks)
    order = list(CheckOutcome)
    return {one.what: one for one in sorted(checks, key=lambda one: order.index(one.outcome))}


def test_a_fresh_installation_has_no_fault(tmp_path):
    checks = found(tmp_path / "home")
    assert {one.outcome for one in checks.values()} == {CheckOutcome.OK}, checks
    assert checks["Prefect server"].why == "none runs; phoenix up starts one"
    assert not (tmp_path / "home").exists()


def test_the_command_says_one_line_each_and_fails_with_the_worst(tmp_path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PHOENIX, "up", "--check", "--port", "0", *arguments],
            env=environment_of(tmp_path / "home"),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    good = run()
    assert good.returncode == 0
    assert {line.split()[0] for line in good.stdout.splitlines()} == {"ok"}
    bad = run("--workers", "4", "-o", "json")
    assert bad.returncode == 4
    faults = [one for one in json.loads(bad.stdout)["checks"] if one["outcome"] == "failed"]
    assert [one["what"] for one in faults] == ["Prefect database"]
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" in faults[0]["fix"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    assert found(tmp_path / "file/home")["state folder"].outcome is CheckOutcome.FAILED


def test_databases_that_cannot_be_reached_are_told_without_their_passwords(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLES[2], f"postgresql+asyncpg://me:{PRIVATE}@127.0.0.1:1/prefect")
    checks = found(tmp_path, database_url=f"postgresql://me:{PRIVATE}@{NOWHERE}")
    assert "Connection refused" in checks["store"].why
    assert "Connection refused" in checks["Prefect database"].why
    assert checks["two databases"].outcome is CheckOutcome.OK


def test_one_database_for_both(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLES[3], f"postgresql+asyncpg://prefect:{PRIVATE}@{NOWHERE}")
    check = found(tmp_path, database_url=f"postgresql://phoenix:{PRIVATE}@{NOWHERE}")["two databases"]
    assert check.outcome is CheckOutcome.FAILED
    assert "are both in postgresql 127.0.0.1:1/phoenix" in check.why


def test_a_database_of_no_kind_of_ours(tmp_path):
    assert found(tmp_path, database_url="mysql://a@b/c")["store"].outcome is CheckOutcome.FAILED


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        check = found(tmp_path, Wanted(port=taken.getsockname()[1]))["port"]
    assert (check.outcome, check.fix) == (CheckOutcome.FAILED, "another --port, or --port 0")


def test_a_prefect_home_that_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "elsewhere"))
    assert found(tmp_path)["Prefect home"].outcome is CheckOutcome.WARNING


def test_a_server_that_is_not_there(tmp_path):
    check = found(tmp_path, Wanted(prefect_url="http://127.0.0.1:1/api"))["Prefect server"]
    assert check.outcome is CheckOutcome.FAILED
    check = found(tmp_path, Wanted(prefect_url=f"http://me:{PRIVATE}@127.0.0.1:1/api"))["Prefect server"]
    assert "PREFECT_API_AUTH_STRING" in check.fix


def test_a_control_plane_that_is_up_is_all_right(control_plane):
    checks = found(control_plane.home)
    bad = [one for one in checks.values() if one.outcome is not CheckOutcome.OK]
    assert bad == []
    assert checks["Prefect server"].why == f"{control_plane.api_url}, Prefect 3.8.8"
    assert checks["workers"].why.startswith("online: phoenix-")
    assert checks["deployments"].why.startswith("all ")


def test_deployments_of_another_store(control_plane, tmp_path):
    check = found(tmp_path, Wanted(prefect_url=control_plane.api_url))["deployments"]
    assert check.outcome is CheckOutcome.FAILED
    assert "their workers use another store" in check.why


GOOD = {
    "/api/health": True,
    "/api/admin/version": "3.8.8",
    "/api/work_pools/phoenix": {"type": "process", "is_paused": False},
    "/api/work_pools/phoenix/workers/filter": [{"name": "one"}],
    "/api/deployments/filter": [],
}


@pytest.fixture
def server():
    """A server that answers what it is told to, for what a real one cannot easily be brought to."""
    answers: dict[str, object] = dict(GOOD)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps(answers.get(self.path)).encode()
            self.send_response(200 if self.path in answers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield answers, Wanted(prefect_url=f"http://127.0.0.1:{listener.server_port}/api")
        listener.shutdown()


@pytest.mark.parametrize(
    ("path", "answer", "what", "outcome", "why"),
    [
        ("/api/admin/version", "2.20.1", "Prefect server", CheckOutcome.FAILED, "is Prefect 2.20.1"),
        ("/api/admin/version", "3.1.0", "Prefect server", CheckOutcome.WARNING, "is Prefect 3.1.0"),
        (
            "/api/work_pools/phoenix",
            {"type": "docker", "is_paused": False},
            "work pool",
            CheckOutcome.FAILED,
            "of type docker",
        ),
        (
            "/api/work_pools/phoenix",
            {"type": "process", "is_paused": True},
            "work pool",
            CheckOutcome.WARNING,
            "is paused",
        ),
        ("/api/work_pools/phoenix/workers/filter", [], "workers", CheckOutcome.WARNING, "none is online"),
        ("/api/deployments/filter", [], "deployments", CheckOutcome.WARNING, "not there: drift-check, "),
    ],
)
def test_a_fault_of_a_server(server, tmp_path, path, answer, what, outcome, why):
    answers, wanted = server
    answers[path] = answer
    check = found(tmp_path, wanted)[what]
    assert check.outcome is outcome
    assert why in check.why
    assert check.fix


def test_a_server_without_our_pool(server, tmp_path):
    answers, wanted = server
    del answers["/api/work_pools/phoenix"]
    check = found(tmp_path, wanted)["work pool"]
    assert (check.outcome, check.why) == (CheckOutcome.WARNING, "there is none called phoenix")


def test_several_workers_online_on_sqlite(server, tmp_path, monkeypatch):
    answers, wanted = server
    answers["/api/work_pools/phoenix/workers/filter"] = [{"name": "one"}, {"name": "two"}]
    monkeypatch.setenv("PREFECT_API_URL", str(wanted.prefect_url))
    check = found(tmp_path, Wanted(port=0))["workers"]
    assert check.outcome is CheckOutcome.FAILED
    assert "one, two" in check.why


def test_an_address_without_its_path(control_plane, tmp_path):
    bare = control_plane.api_url.removesuffix("/api")
    check = found(tmp_path, Wanted(prefect_url=bare))["Prefect server"]
    assert check.outcome is CheckOutcome.FAILED
    assert "ends with /api" in check.fix
