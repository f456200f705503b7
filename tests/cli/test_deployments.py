"""The commands about pipelines on hosts, as people type them, on this machine with the real collector."""

import json
import os
import pty
import signal
import sqlite3
import time
from datetime import timedelta
from pathlib import Path

import pytest

from phoenix.composition import compose
from tests.support.deployed import collectors, delete, folder_of, write_pipeline
from tests.support.experiments import PHOENIX, Command, phoenix
from tests.support.inline import inline
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

SECRET = "the-value-of-the-backend"  # noqa: S105 - the test's own


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One state folder for the commands of this module; nothing serves after it."""
    folder = tmp_path_factory.mktemp("deployments") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOENIX_HOME", str(folder))
        patch.setenv("NO_COLOR", "1")
        yield folder
        hosts = {revision.host for revision in compose().deployment_store.active()}
        if hosts:
            delete(*hosts)


@pytest.fixture(scope="module")
def files(home, tmp_path_factory):
    """Two pipelines, the second of which takes a secret from the environment."""
    folder = tmp_path_factory.mktemp("files")
    taking = {"file": {"path": f"{folder}/${{env:OUTPUT_NAME}}.json"}}
    return {
        "first": write_pipeline(folder, "first"),
        "second": write_pipeline(folder, "second", exporters=taking),
        "broken": write_pipeline(folder, "broken", exporters={"file": {"path": "/proc/no/such/folder/x"}}),
    }


def rows(*arguments: str | Path, code: int = 0):
    done = inline("pipeline", *arguments, "-o", "json")
    assert done.code == code, (done.out, done.err)
    return json.loads(done.out)


def row(*arguments: str | Path, code: int = 0):
    (one,) = rows(*arguments, code=code)
    return one


@pytest.fixture(scope="module")
def life(home, files):
    """Deployed, deployed over, asked about, rolled back from a shell without the secret."""
    seen = {"first": phoenix("pipeline", "deploy", files["first"], "--name", "edge")}
    seen["planned"] = inline(
        "pipeline", "deploy", files["second"], "--name", "edge", "--dry-run", "-o", "json"
    )
    seen["lacking"] = inline("pipeline", "deploy", files["second"], "--name", "edge")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTPUT_NAME", SECRET)
        seen["second"] = row("deploy", files["second"], "--name", "edge")
        seen["again"] = row("deploy", files["second"], "--name", "edge")
    seen["status"] = row("status")
    seen["list"] = rows("list-deployments")
    seen["history"] = rows("history")
    seen["diff"] = inline("pipeline", "diff")
    seen["back"] = row("rollback")
    seen["forth"] = row("rollback", "--to", "2")
    return seen


def test_a_first_deployment_serves(life):
    assert life["first"].code == 0, life["first"].err
    assert "deployed  1" in life["first"].out
    assert "notice: local: no systemd" in life["first"].err


def test_a_dry_run_shows_the_difference(life):
    (told,) = json.loads(life["planned"].out)
    assert (told["result"], told["current"], told["next"]) == ("would deploy", 1, 2)
    assert "-    batch/first:" in told["diff"] or "batch/first" in told["diff"]


def test_a_variable_that_is_not_set_is_refused_by_its_name(life):
    assert life["lacking"].code == 3
    assert "takes OUTPUT_NAME from the environment" in life["lacking"].err


def test_a_second_one_takes_its_place_and_is_left_alone_when_asked_for_again(life):
    assert (life["second"]["result"], life["second"]["previous"]) == ("deployed", 1)
    assert (life["again"]["result"], life["again"]["revision"]) == ("unchanged", 2)


def test_a_status_has_figures(life):
    told = life["status"]
    assert (told["host"], told["name"], told["revision"]) == ("local", "edge", 2)
    assert (told["health"], told["drift"]) == ("serving", [])
    assert told["points_in_per_second"] > 0
    assert told["points_out_per_second"] > 0
    assert told["series"] > 10
    assert 0 < told["cpu_cores"] < 2
    assert 10_000_000 < told["memory_bytes"] < 500_000_000


def test_deployments_are_listed_by_name(life):
    (one,) = life["list"]
    assert (one["name"], one["hosts"]) == ("edge", ["local"])


def test_a_history_says_what_served_when_and_why(life):
    second, first = life["history"]
    assert (first["state"], second["state"]) == ("replaced", "active")
    assert first["until"] == second["served"]
    assert second["variables"] == ["OUTPUT_NAME"]
    assert second["by"].count("@") == 1


def test_a_difference_is_that_of_the_last_two(life):
    assert life["diff"].code == 0
    assert "+++ revision 2" in life["diff"].out
    assert "+      - batch/second" in life["diff"].out


def test_a_rollback_needs_nothing_of_the_shell(life):
    assert (life["back"]["to"], life["back"]["revision"]) == (1, 3)
    assert (life["forth"]["to"], life["forth"]["revision"]) == (2, 4)


def test_a_secret_lies_in_the_hosts_environment_only(life, home):
    holders = {
        path.relative_to(home).parts[-1]
        for path in home.rglob("*")
        # Not the database: who opens and closes its file here takes its locks away from those who use it.
        if path.is_file() and "phoenix.db" not in path.name and SECRET.encode() in path.read_bytes()
    }
    assert holders == {"environment"}
    with sqlite3.connect(home / "phoenix.db") as database:
        assert SECRET not in "\n".join(database.iterdump())


def test_the_active_configuration_is_read_back_from_the_host(life, home, tmp_path):
    shown = inline("pipeline", "get-active-config")
    assert (shown.code, shown.err) == (0, "")
    saved = inline("pipeline", "get-active-config", "-o", tmp_path / "active.yaml")
    assert (saved.code, saved.out) == (0, "")
    assert (tmp_path / "active.yaml").read_text() == shown.out
    assert "${env:OUTPUT_NAME}" in shown.out
    assert "batch/second" in shown.out


def test_what_died_is_told_and_started_again_by_recovery(life):
    active = compose().hosts.open("local").active()
    os.kill(active.pid, signal.SIGKILL)
    eventually(lambda: row("status")["health"] == "dead", what="its death to show")
    told = inline("pipeline", "status")
    assert "was killed by SIGKILL" in told.err
    recovered = inline("recover", "-o", "json")
    (repair,) = json.loads(recovered.out)
    assert (recovered.code, repair["host"], repair["ended"]) == (0, "local", "active")
    assert row("status")["health"] in ("serving", "starting")
    assert inline("recover").err == "nothing to recover\n"


def test_an_edit_on_the_host_is_drift_and_a_rollback_to_itself_repairs_it(life):
    active = compose().hosts.open("local").active()
    config = folder_of() / "configs" / f"{active.digest}.yaml"
    config.write_text(config.read_text().replace("20ms", "30ms"))
    shown = inline("pipeline", "get-active-config")
    assert "drift on local: its configuration was edited on the host" in shown.err
    assert "+    timeout: 30ms" in shown.err
    number = active.place.partition("-")[2]
    assert row("rollback", "--to", number)["previous"] == int(number)
    assert row("status")["drift"] == []
    assert len(collectors(folder_of())) == 1


def test_what_does_not_work_leaves_the_old_one_and_says_why_in_a_line(life, files):
    before = compose().hosts.open("local").active()
    failed = inline("pipeline", "deploy", files["broken"])
    assert failed.code == 4
    (line,) = [line for line in failed.err.splitlines() if line.startswith("phoenix: ")]
    assert line.startswith("phoenix: local: the collector in revision-")
    assert "no such file or directory" in failed.err
    assert "failed" in failed.out
    assert compose().hosts.open("local").active() == before
    newest = rows("history")[0]
    assert (newest["state"], "no such file" in newest["error"]) == ("failed", True)


def test_a_host_that_an_experiment_holds_is_refused(life, files):
    host = compose().hosts.open("local")
    host.acquire("exp-00000000", timedelta(minutes=1))
    try:
        for verb in (("deploy", files["first"]), ("rollback",), ("delete", "--yes")):
            refused = inline("pipeline", *verb)
            assert refused.code == 3
            assert "is held by exp-00000000" in refused.err
    finally:
        host.release("exp-00000000")


def test_a_watch_goes_on_until_it_is_interrupted(life):
    watch = Command("pipeline", "status", "--watch")
    lines = []

    def two():
        lines.append(watch.process.stdout.readline())
        return len(lines) == 2

    eventually(two, what="two looks")
    watch.process.send_signal(signal.SIGINT)
    assert watch.result().code == 0
    assert all("local pipeline=" in line and "health=serving" in line for line in lines)


def test_a_deployment_that_is_interrupted_leaves_the_old_one(life, files, tmp_path):
    before = compose().hosts.open("local").active()
    silent = {"otlp_http": {"endpoint": "http://127.0.0.1:9"}}
    command = Command("pipeline", "deploy", write_pipeline(tmp_path, "silent", exporters=silent))
    eventually(lambda: len(collectors(folder_of())) == 2, what="both to run")
    command.process.send_signal(signal.SIGINT)
    ended = command.result()
    assert ended.code == 12
    assert "what served before serves" in ended.err
    assert compose().hosts.open("local").active() == before
    assert collectors(folder_of()) == {before.pid}
    assert compose().hosts.open("local").lease() is None
    assert rows("history")[0]["state"] == "failed"


def test_one_host_that_fails_is_skipped_where_that_is_asked_for(home, files):
    """Where the folder of a host should be lies a file."""
    blocked = folder_of("local://blocked")
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("")
    hosts = ["--target-host", "local://blocked", "--target-host", "local://fine"]
    ended = inline("pipeline", "deploy", files["first"], *hosts, "--on-failure", "skip", "-o", "json")
    assert ended.code == 4
    told = {one["host"]: one for one in json.loads(ended.out)}
    assert [one["result"] for one in told.values()] == ["failed", "deployed"]
    assert told["local://blocked"]["reason"]
    assert "local://fine: deployed, revision 1" in ended.err
    delete("local://fine")
    blocked.unlink()


def answered(answer: bytes, *arguments: str) -> tuple[int, bytes]:
    """A command on a terminal on which somebody types."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(PHOENIX, [str(PHOENIX), *arguments])  # noqa: S606 - our own command
    said = b""
    while b"Go on?" not in said:
        said += os.read(terminal, 1000)
    os.write(terminal, answer)
    while True:
        try:
            said += os.read(terminal, 1000)
        except OSError:
            break
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), said


def test_a_deletion_asks_on_a_terminal_only(life):
    code, _ = answered(b"n\n", "pipeline", "delete")
    assert code == 12
    assert len(collectors(folder_of())) == 1
    code, _ = answered(b"y\n", "pipeline", "delete")
    assert code == 0
    assert collectors(folder_of()) == set()
    assert {one["state"] for one in rows("history")} == {"removed", "failed"}
    assert inline("pipeline", "status").err == "nothing is deployed\n"
    assert inline("pipeline", "delete").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["deploy", "no-such-pipeline"], 2, "no-such-pipeline"),
        (["deploy", "topk", "--set", "k=none"], 2, "k"),
        (["deploy", "topk", "--name", "../up"], 2, "cannot be a deployment's name"),
        (["deploy", "topk", "--target-host", "ssh://-oProxyCommand=id"], 2, "host"),
        (["deploy", "topk", "--target-host", "local://a b"], 2, "local://a b"),
        (["deploy", "topk", "--target-host", "nobody"], 2, "nobody"),
        (["rollback", "--to", "0"], 2, "--to"),
        (["diff", "1"], 2, "two revisions, or none"),
        (["get-active-config", "--target-host", "local://a", "--target-host", "local://b"], 2, "one host"),
        (["rollback"], 3, "Nothing served on local"),
        (["history"], 3, "Nothing was deployed on local"),
        (["get-active-config"], 3, "Nothing was deployed on local"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(arguments, code, words, tmp_path, monkeypatch):
    monkeypatch.setenv("PHOENIX_HOME", str(tmp_path / "empty"))
    refused = inline("pipeline", *arguments)
    assert refused.code == code, refused.err
    assert words in refused.err
    assert collectors(folder_of()) == set()


def test_a_file_that_listens_beyond_loopback_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOENIX_HOME", str(tmp_path / "empty"))
    open_to_all = {"prometheus": {"endpoint": "0.0.0.0:9464"}}
    refused = inline("pipeline", "deploy", write_pipeline(tmp_path, "open", exporters=open_to_all))
    assert refused.code == 2
    assert "which other machines can reach" in refused.err
    assert not (tmp_path / "empty" / "hosts").exists()


def test_a_deployment_is_quick_where_the_collector_is_there(home, files):
    began = time.monotonic()
    row("deploy", files["first"], "--target-host", "local://quick")
    assert time.monotonic() - began <= 10
    delete("local://quick")
