"""What a started process is given, whose processes are ended, and how failures are told."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from phoenix.adapters.hosts import endings
from phoenix.adapters.hosts.places import PlaceRecord, ProcessIdentity
from phoenix.adapters.hosts.systemd import SystemdSupervisor
from phoenix.adapters.machines import process_table
from phoenix.adapters.machines.local import LocalMachine
from phoenix.adapters.machines.machine import Row, is_alive
from phoenix.domain.errors import DependencyError, SpecError
from tests.adapters.hosts.support import CONFIG, LONG, await_that, launch, local_host, of_folder

pytestmark = pytest.mark.real

PRODUCTION = CONFIG.replace(
    "exporters: {prometheus/phoenix",
    'exporters: {otlp_http/user: {endpoint: "http://127.0.0.1:9", headers: {api-key: "${env:THEIR_KEY}"}}, prometheus/phoenix',
)


def started(host, place="baseline", config=CONFIG, lifetime=LONG):
    lease = host.acquire("exp-1", LONG)
    return host.start_collector(place, launch(config=config, lifetime=lifetime), lease)


def script(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "otelcol-stand-in"
    path.write_text(f'#!/bin/sh\n[ "$1" = validate ] && {body}\n')
    path.chmod(0o755)
    return path


def test_the_environment_holds_nothing_but_what_is_meant(host, monkeypatch):
    monkeypatch.setenv("THEIR_KEY", "secret")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    names = set(psutil.Process(started(host).pid).environ()) - {"PWD", "OLDPWD"}
    assert names == {
        "PATH",
        "PHOENIX_OWNER",
        "PHOENIX_PLACE",
        "PHOENIX_FOLDER",
        "PHOENIX_METRICS_ADDRESS",
        "PHOENIX_TELEMETRY_HOST",
        "PHOENIX_TELEMETRY_PORT",
        "PHOENIX_HEALTH_ADDRESS",
    }


def test_secrets_reach_the_production_pipeline_only(host, monkeypatch):
    monkeypatch.setenv("THEIR_KEY", "secret")
    arm = started(host, config=PRODUCTION)
    assert "THEIR_KEY" not in psutil.Process(arm.pid).environ()
    revision = started(host, "revision-1", PRODUCTION)
    assert psutil.Process(revision.pid).environ()["THEIR_KEY"] == "secret"


def test_a_collector_is_nobodys_child_and_holds_no_terminal(host):
    running = started(host)
    leader = os.getsid(running.pid)
    assert leader not in (os.getsid(0), running.pid)
    assert os.getpid() not in [parent.pid for parent in psutil.Process(leader).parents()[:1]]
    assert Path(f"/proc/{running.pid}/fd/0").readlink() == Path("/dev/null")
    assert Path(f"/proc/{running.pid}/cwd").readlink() == Path("/")


def test_files_are_for_the_owner_only(host, folder):
    started(host)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_a_collector_only_listens_on_loopback(host):
    found = psutil.Process(started(host).pid).net_connections("inet")
    listening = [one.laddr[0] for one in found if one.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"] * 3


def test_a_collector_that_dies_at_its_start_tells_its_last_words_and_leaves_nothing(host, folder):
    with pytest.raises(DependencyError) as failure:
        started(host, config=CONFIG.replace("${env:PHOENIX_HEALTH_ADDRESS}", "127.0.0.1:no-port"))
    assert "exited with code 1" in failure.value.message
    assert "no-port" in failure.value.hint
    assert host.collector("baseline") is None
    assert of_folder(folder) == {}
    assert host.leftovers("exp-1") == ("lease on local",)


def test_a_failed_restart_of_production_keeps_its_record(host, folder):
    lease = host.acquire("exp-1", LONG)
    running = started(host, "revision-1", lifetime=None)
    host.activate("revision-1", lease)
    os.kill(running.pid, signal.SIGKILL)
    await_that(lambda: host.exit_reason("revision-1"), "it died")
    broken = local_host(folder, binary=Path("/bin/false"))
    with pytest.raises((DependencyError, SpecError)):
        broken.start_collector("revision-1", launch(lifetime=None), lease)
    assert host.active().digest == running.digest
    assert host.config("revision-1") == CONFIG
    again = host.start_collector("revision-1", launch(lifetime=None), lease)
    assert host.active() == again
    host.activate(None, lease)


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ("{ echo 'panic: nil reader' >&2; echo 'goroutine 1' >&2; exit 2; }", SpecError, "panic: nil reader"),
        ("exit 126", DependencyError, "does not run"),
    ],
)
def test_a_crashing_binary_is_told_by_its_first_line(tmp_path, folder, body, error, words):
    host = local_host(folder, binary=script(tmp_path, body))
    with pytest.raises(error, match=words):
        started(host)
    assert host.collector("baseline") is None


def test_a_missing_binary_is_a_failure_outside(folder):
    with pytest.raises(DependencyError, match="does not run"):
        started(local_host(folder, binary=Path("/no/such/collector")))


def test_a_child_that_hides_its_marks_is_ended_with_its_session(tmp_path, host, folder):
    running = started(host)
    record_file = folder / "places" / "baseline" / "process.json"
    stray = subprocess.Popen(["env", "-i", "sleep", "600"], start_new_session=True)
    try:
        record = json.loads(record_file.read_text())
        leader = process_table.row(stray.pid)
        record["identity"] |= {"leader": stray.pid, "leader_started": leader.started}
        record_file.write_text(json.dumps(record))
        host.stop_collector("baseline")
        assert stray.wait(5) == -signal.SIGTERM
        assert not psutil.pid_exists(running.pid) or psutil.Process(running.pid).status() == "zombie"
    finally:
        stray.kill()
        stray.wait()


@pytest.mark.parametrize("lie", [{"leader_started": 1}, {"boot": "another-boot"}])
def test_a_process_under_a_recycled_pid_is_left_alone(host, folder, lie):
    started(host)
    record_file = folder / "places" / "baseline" / "process.json"
    innocent = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        record = json.loads(record_file.read_text())
        started_at = process_table.row(innocent.pid).started
        record["identity"] |= {"leader": innocent.pid, "leader_started": started_at, **lie}
        record_file.write_text(json.dumps(record))
        host.stop_collector("baseline")
        assert innocent.poll() is None
        assert of_folder(folder) == {}
    finally:
        innocent.kill()
        innocent.wait()


def test_a_record_of_another_boot_is_dead(host, folder):
    started(host)
    record_file = folder / "places" / "baseline" / "process.json"
    record = json.loads(record_file.read_text())
    record["identity"]["boot"] = "another-boot"
    record_file.write_text(json.dumps(record))
    assert "rebooted" in host.exit_reason("baseline")


def test_no_process_belongs_to_a_unit_of_another_boot():
    machine = LocalMachine(sys.executable)
    one = process_table.row(os.getpid())
    supervisor = SystemdSupervisor(machine, Path("/var/lib/phoenix"))
    for boot, is_ours in (("another-boot", False), (machine.boot_id(), True)):
        identity = ProcessIdentity(boot, one.pid, one.started, one.pid, one.started)
        record = PlaceRecord("baseline", "exp-1", "p", "v", "d", 1.0, 1, 2, 3, identity=identity)
        assert supervisor.owns(one, record) is is_ours


def test_who_ignores_sigterm_is_killed():
    stubborn = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 600; done"], stdout=subprocess.PIPE
    )
    assert stubborn.stdout.readline() == b"up\n"
    one = process_table.row(stubborn.pid)
    child = psutil.Process(stubborn.pid)
    await_that(child.children, "it sleeps")
    rows = [one, process_table.row(child.children()[0].pid)]
    began = time.monotonic()
    machine = LocalMachine(sys.executable)
    endings.end_all(machine, lambda: [row for row in rows if is_alive(machine, row)], grace=0.1)
    assert time.monotonic() - began < 3
    assert stubborn.wait() == -signal.SIGKILL
    stubborn.stdout.close()


def test_a_signal_never_reaches_another_process_under_the_pid():
    innocent = subprocess.Popen(["sleep", "600"])
    try:
        process_table.deliver(Row(innocent.pid, started=1, session=0, name="gone"), signal.SIGKILL)
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_two_hosts_of_one_owner_do_not_touch_each_other(tmp_path, binary, host):
    first, other = started(host), local_host(tmp_path / "other", "local://other", binary)
    started(other)
    other.clear("exp-1")
    assert other.leftovers("exp-1") == ()
    assert host.exit_reason("baseline") is None
    assert host.collector("baseline") == first


def test_the_end_of_a_large_log_is_read_and_no_more(host, folder):
    started(host)
    with (folder / "places" / "baseline" / "collector.log").open("a") as log:
        log.write("x" * 50_000_000 + "\n" + "".join(f"line {n}\n" for n in range(100)))
    assert host.stop_collector("baseline").splitlines()[-1] == "line 99"


def test_a_folder_that_runs_no_programs_is_refused_with_a_way_out(tmp_path):
    ask = "import sys; from pathlib import Path; from phoenix.adapters.hosts.agents import demand_executable as d; "
    ask += "from phoenix.adapters.machines.local import LocalMachine as M; "
    mount = f'mount -t tmpfs -o noexec none "$1" && exec "$2" -c "{ask} d(M(sys.executable), Path(sys.argv[1]))" "$1"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "sh", str(tmp_path), sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "mounted noexec" in done.stderr, done.stderr


def test_the_process_table_agrees_with_psutil():
    mine = process_table.row(os.getpid())
    assert (mine.pid, mine.name, mine.session) == (os.getpid(), psutil.Process().name(), os.getsid(0))
    ticks = os.sysconf("SC_CLK_TCK")
    assert abs(mine.started / ticks + psutil.boot_time() - psutil.Process().create_time()) < 2
    before = living()
    others = {one.pid for one in process_table.rows()}
    lineage = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    assert before & living() <= others | lineage
    assert not lineage & others


def living() -> set[int]:
    """By psutil, without kernel threads, which are of process 2, and zombies."""
    found = psutil.process_iter(["status", "ppid"])
    return {
        one.pid
        for one in found
        if one.info["status"] != psutil.STATUS_ZOMBIE and 2 not in (one.pid, one.info["ppid"])
    }


def test_the_marks_of_a_process_are_read_and_nothing_else_of_its_environment():
    environ = {"PHOENIX_OWNER": "exp-1", "PATH": os.environ["PATH"], "SECRET": "s"}
    marked = subprocess.Popen(["sleep", "60"], env=environ)
    try:
        await_that(
            lambda: (
                {"PHOENIX_OWNER": "exp-1"}
                in [one.marks for one in process_table.rows() if one.pid == marked.pid]
            ),
            "its marks",
        )
    finally:
        marked.kill()
        marked.wait()


def test_a_load_that_the_agent_refuses_is_told_in_its_words(host, folder):
    refused = host.start_load(
        "exp-1",
        {"seed": 1, "patterns": [{"name": "a/b", "count": 1, "cpu": {"shape": "idle"}}]},
        timedelta(seconds=9),
    )
    with pytest.raises(SpecError, match="process name"), refused:
        pass
    assert of_folder(folder) == {}
    assert host.leftovers("exp-1") == ()
