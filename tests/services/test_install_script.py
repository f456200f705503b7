"""install.sh of a bundle, run as a person would, with a stand-in for systemctl and real collectors."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from phoenix.adapters.catalog import Catalog, shipped_folder
from phoenix.adapters.free_ports import free_ports
from phoenix.manifests.vm_bundle import VmPlaces
from phoenix.services.pipelines import Pipelines
from phoenix.services.vm_configs import bundle_of, write_bundle
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="install.sh wants root, and files that are root's alone"),
]

STUB = Path(__file__).parents[1] / "support/stub_systemctl.py"
PIPELINES = Pipelines(Catalog((shipped_folder(),)), lambda: None)
ASKING = ("curl", "wget", "python3", "perl", "bash")
"""What install.sh asks the collector with; which of them a machine has differs."""

KEY = "0123456789abcdef"


class Backend(ThreadingHTTPServer):
    """Takes OTLP; knows the keys it was sent."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.keys = set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.add(self.headers["api-key"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Silent."""


class Machine:
    """A host in a folder."""

    def __init__(self, folder, collector):
        self.folder = folder
        self.stub = folder / "stub"
        (self.stub / "units").mkdir(parents=True)
        tools = folder / "tools"
        tools.mkdir()
        (tools / "systemctl").write_text(f'#!/bin/sh\nexec {sys.executable} {STUB} "$@"\n')
        (tools / "systemctl").chmod(0o755)
        self.path = f"{tools}:{os.environ['PATH']}"
        self.secrets = folder / "collector.env"
        self.put_secrets(f"KEY={KEY}\n")
        self.home = folder / "opt"
        metrics, telemetry, health = free_ports(3)
        self.places = VmPlaces(
            folder=str(self.home),
            unit_folder=str(self.stub / "units"),
            environment_file=str(self.secrets),
            metrics=metrics,
            telemetry=telemetry,
            health=health,
        )
        self.collector = collector

    def put_secrets(self, text, mode=0o600):
        self.secrets.write_text(text)
        self.secrets.chmod(mode)

    def bundle(self, name, endpoint, **settings):
        """A bundle that sends to `endpoint` with the key."""
        exporters = f'{{otlp_http: {{endpoint: "{endpoint}", headers: {{api-key: "${{env:KEY}}"}}}}}}'
        resolved = PIPELINES.named("topk", {"exporters": exporters, "scrape_interval": "1s", **settings})
        write_bundle(self.folder / name, bundle_of(resolved, title=name, places=self.places))
        return self.folder / name

    def run(self, bundle, *arguments, environ=None):
        command = ["sh", str(bundle / "install.sh"), *map(str, arguments)]
        environ = {"PATH": self.path, "PHOENIX_STUB": str(self.stub), **(environ or {})}
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=90)

    def install(self, bundle, collector=None, **options):
        return self.run(bundle, "--collector", collector or self.collector, **options)

    def pid(self):
        return int((self.stub / "pid").read_text())

    def serves(self):
        """The configuration that the running process has; None if none runs."""
        try:
            words = Path(f"/proc/{self.pid()}/cmdline").read_bytes().decode().split("\0")
        except (OSError, ValueError):
            return None
        if words == [""]:
            return None
        (config,) = [word.removeprefix("--config=") for word in words if word.startswith("--config=")]
        return Path(config).read_text()

    def calls(self):
        return (self.stub / "calls").read_text().splitlines()

    def close(self):
        environ = {"PATH": self.path, "PHOENIX_STUB": str(self.stub)}
        subprocess.run([sys.executable, STUB, "disable", "x"], env=environ, check=True)


@pytest.fixture(scope="module")
def backend():
    with Backend() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, collector_binary, backend):
    """A machine with a pipeline, for tests after which it is as before."""
    machine = Machine(tmp_path_factory.mktemp("undisturbed"), collector_binary)
    done = machine.install(machine.bundle("first", backend.url, k="5"))
    assert done.returncode == 0, done.stderr
    yield machine
    machine.close()


@pytest.fixture
def standing(undisturbed):
    undisturbed.put_secrets(f"KEY={KEY}\n")
    shutil.rmtree(undisturbed.folder / "second", ignore_errors=True)
    return undisturbed


@pytest.fixture
def machine(tmp_path, collector_binary):
    one = Machine(tmp_path, collector_binary)
    yield one
    one.close()


@pytest.fixture
def installed(machine, backend):
    """The machine with a first pipeline, and its bundle."""
    first = machine.bundle("first", backend.url, k="5")
    done = machine.install(first)
    assert done.returncode == 0, done.stderr
    return machine, first


def config_of(bundle):
    return (bundle / "collector.yaml").read_text()


def impatient(bundle, seconds=4):
    script = bundle / "install.sh"
    text = script.read_text()
    assert "PATIENCE=23\n" in text
    script.write_text(text.replace("PATIENCE=23\n", f"PATIENCE={seconds}\n"))
    return bundle


def test_an_installation_sends_with_the_key_of_the_host(installed, backend):
    machine, first = installed
    assert backend.keys == {KEY}
    assert machine.serves() == config_of(first)
    assert (machine.stub / "enabled").read_text() == "phoenix-pipeline.service"


def test_installing_again_restarts_nothing(installed):
    machine, first = installed
    before = machine.pid()
    done = machine.run(first)
    assert (done.returncode, machine.pid()) == (0, before)
    assert "installed already" in done.stdout


def test_a_new_bundle_replaces_the_old_one_and_back_and_no_more_is_kept(installed, backend):
    machine, _ = installed
    second, third = (machine.bundle(k, backend.url, k=k) for k in ("6", "7"))
    for bundle in (second, third):
        assert machine.run(bundle).returncode == 0
        assert machine.serves() == config_of(bundle)
    assert len(list((machine.home / "releases").iterdir())) == 2
    for bundle in (second, third):
        assert machine.run(third, "--rollback").returncode == 0
        assert machine.serves() == config_of(bundle)


def test_removing_leaves_nothing_but_the_secrets(installed):
    machine, first = installed
    for _ in range(2):
        assert machine.run(first, "--uninstall").returncode == 0
        assert machine.serves() is None
        assert not machine.home.exists()
        assert not list((machine.stub / "units").iterdir())
        assert not (machine.stub / "enabled").exists()
    assert machine.secrets.exists()


def refused(machine, bundle, code, *words, collector=None, path=None):
    """The installation ends with `code` and these words, and what served before still does, untouched."""
    pid, config, files = machine.pid(), machine.serves(), tree(machine.home)
    done = machine.install(bundle, collector, environ={"PATH": str(path)} if path else None)
    assert done.returncode == code, done.stdout + done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert KEY not in done.stdout + done.stderr
    assert (machine.pid(), machine.serves(), tree(machine.home)) == (pid, config, files)


def tree(folder):
    return {
        path.relative_to(folder): path.readlink() if path.is_symlink() else path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_a_variable_that_is_not_set_is_named(standing, backend):
    standing.put_secrets("OTHER=1\nKEY=\n")
    refused(standing, standing.bundle("second", backend.url, k="6"), 3, str(standing.secrets), "KEY")


def test_secrets_that_others_can_read_are_refused(standing, backend):
    standing.put_secrets(f"KEY={KEY}\n", 0o640)
    refused(standing, standing.bundle("second", backend.url, k="6"), 3, "chmod 600")


@pytest.mark.parametrize("file", ["collector.yaml", "phoenix-pipeline.service"])
def test_a_file_that_was_changed_on_the_way_is_refused(standing, backend, file):
    second = standing.bundle("second", backend.url, k="6")
    with (second / file).open("a") as text:
        text.write("\n")
    refused(standing, second, 3, "copy the whole bundle again")


def test_what_the_collector_refuses_changes_nothing(standing, backend):
    second = standing.bundle("second", backend.url, k="6")
    spoil(second)
    refused(standing, second, 4, "the collector refuses the configuration", "topk")


def spoil(bundle):
    """A configuration that the collector refuses, with the sum that it should have."""
    config, script = bundle / "collector.yaml", bundle / "install.sh"
    before = hashlib.sha256(config.read_bytes()).hexdigest()
    config.write_text(config.read_text().replace("    k: 6\n", "    k: -6\n"))
    script.write_text(script.read_text().replace(before, hashlib.sha256(config.read_bytes()).hexdigest()))


def test_a_collector_for_another_architecture_is_refused(standing, backend, tmp_path):
    foreign = tmp_path / "foreign"
    content = bytearray(standing.collector.read_bytes()[:4096])
    content[18:20] = b"\x3e\x00" if content[18] != 0x3E else b"\xb7\x00"
    foreign.write_bytes(content)
    foreign.chmod(0o755)
    second = standing.bundle("second", backend.url, k="6")
    refused(standing, second, 4, "another architecture", collector=foreign)


def test_a_collector_that_is_no_program_is_refused(standing, backend, tmp_path):
    refused(standing, standing.folder / "first", 2, "is no program", collector=tmp_path)


def test_only_root_may_install(machine, backend):
    (machine.folder / "tools/id").write_text("#!/bin/sh\necho 1000\n")
    (machine.folder / "tools/id").chmod(0o755)
    done = machine.install(machine.bundle("first", backend.url))
    assert done.returncode == 3
    assert not machine.home.exists()


def wrapped(machine, name, script):
    """A collector that accepts everything, and serves as the script does."""
    path = machine.folder / name
    path.write_text(
        f"#!/bin/sh\ncase $1 in --version | validate) exit 0 ;; esac\nreal={machine.collector}\n{script}\n"
    )
    path.chmod(0o755)
    return path


def assert_put_back(machine, first, done, *words):
    assert done.returncode == 4, done.stdout + done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "what was installed before serves again" in done.stdout
    assert machine.serves() == config_of(first)
    assert (machine.home / "current").readlink() == (machine.home / "good").readlink()
    unit = "phoenix-pipeline.service"
    assert (machine.stub / "units" / unit).read_text() == (first / unit).read_text()


def test_a_collector_that_dies_is_replaced_by_the_old_one(installed, backend):
    machine, first = installed
    second = machine.bundle("second", backend.url, k="6")
    done = machine.install(second, wrapped(machine, "mortal", "exit 1"))
    assert_put_back(machine, first, done, "it ended again and again")


def test_a_pipeline_whose_backend_takes_nothing_is_replaced_by_the_old_one(installed):
    machine, first = installed
    (port,) = free_ports(1)
    second = impatient(machine.bundle("second", f"http://127.0.0.1:{port}", k="6"))
    assert_put_back(machine, first, machine.run(second), "its exporter otlp_http sent no point")


def test_a_pipeline_that_is_not_healthy_is_replaced_by_the_old_one(installed, backend):
    machine, first = installed
    second = impatient(machine.bundle("second", backend.url, k="6"))
    done = machine.install(second, wrapped(machine, "mute", "exec sleep 600"))
    assert_put_back(machine, first, done, "its health check does not answer")


def test_a_first_pipeline_that_does_not_work_leaves_nothing_that_runs(machine, backend):
    done = machine.install(machine.bundle("first", backend.url), wrapped(machine, "mortal", "exit 1"))
    assert done.returncode == 4
    assert "nothing was installed before, and nothing is now" in done.stdout
    assert machine.serves() is None
    assert not (machine.stub / "enabled").exists()


def switching(machine, bundle):
    """An installation that was switched over and waits for a proof that does not come."""
    command = ["sh", str(bundle / "install.sh"), "--collector", wrapped(machine, "mute", "exec sleep 600")]
    process = subprocess.Popen(
        command,
        env={"PATH": machine.path, "PHOENIX_STUB": str(machine.stub)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    before = len(machine.calls())
    eventually(
        lambda: "is-active --quiet phoenix-pipeline.service" in machine.calls()[before:], what="a proof"
    )
    return process


def test_an_interrupted_installation_puts_the_old_one_back(installed, backend):
    machine, first = installed
    process = switching(machine, machine.bundle("second", backend.url, k="6"))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    done = subprocess.CompletedProcess([], process.returncode, out, err)
    assert_put_back(machine, first, done)


@pytest.mark.parametrize("arguments", [(), ("--rollback",)], ids=["first again", "rollback"])
def test_after_a_killed_installation_the_old_one_can_be_had_again(installed, backend, arguments):
    machine, first = installed
    second = machine.bundle("second", backend.url, k="6")
    process = switching(machine, second)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert (machine.home / "current").readlink() != (machine.home / "good").readlink()
    done = machine.run(second, *arguments) if arguments else machine.install(first)
    assert done.returncode == 0, done.stderr
    assert machine.serves() == config_of(first)


def test_a_host_may_give_other_ports(installed):
    machine, first = installed
    (port,) = free_ports(1)
    machine.put_secrets(f'KEY="{KEY}"\nPHOENIX_TELEMETRY_PORT={port}\n')
    second = machine.folder / "again"
    shutil.copytree(first, second)
    assert machine.run(second, "--uninstall").returncode == 0
    done = machine.install(second)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("tool", [tool for tool in ASKING if shutil.which(tool)])
def test_any_program_that_can_ask_will_do(standing, tool):
    text = (standing.folder / "first/install.sh").read_text()
    assert text.endswith('"$verb"\n')
    probe = standing.folder / "probe"
    probe.mkdir(exist_ok=True)
    asking = f'getter={tool}\nif works; then say yes; else say "$lacking"; fi\n'
    (probe / "install.sh").write_text(text.removesuffix('"$verb"\n') + asking)
    assert standing.run(probe).stdout == "yes\n"
    (probe / "install.sh").write_text(
        text.removesuffix('"$verb"\n') + asking.replace("works", "get 127.0.0.1:1 /")
    )
    assert standing.run(probe).stdout == "it was not asked\n"


def test_without_a_program_that_can_ask_nothing_is_begun(standing):
    tools = standing.folder / "bare"
    tools.mkdir()
    for name in (
        "sh",
        "id",
        "sed",
        "tail",
        "readlink",
        "mkdir",
        "flock",
        "od",
        "tr",
        "uname",
        "timeout",
        "stat",
        "env",
    ):
        (tools / name).symlink_to(shutil.which(name))
    (tools / "systemctl").write_text("")
    (tools / "systemctl").chmod(0o755)
    second = standing.bundle("second", "http://127.0.0.1:1", k="6")
    refused(standing, second, 3, "one of curl, wget, python3, perl, bash", path=tools)


def test_the_script_is_what_any_sh_understands(standing):
    script = standing.folder / "first/install.sh"
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    if shellcheck := shutil.which("shellcheck"):
        starting = Path(__file__).parents[2] / "deployments/systemd/start-active.sh"
        command = [shellcheck, "--shell=sh", script, starting]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (found.returncode, found.stdout) == (0, "")


def test_the_page_of_a_bundle_and_the_help_of_the_script_say_what_can_be_asked(standing):
    page = (standing.folder / "first/README.txt").read_text()
    told = standing.run(standing.folder / "first", "--help").stdout
    for option in ("--collector", "--rollback", "--uninstall"):
        assert option in page
        assert option in told
    assert standing.run(standing.folder / "first", "--other").returncode == 2
