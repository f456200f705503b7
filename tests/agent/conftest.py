"""The agent as a child process that tests talk to, and the process table as the kernel shows it."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from phoenix.adapters import agent_archive

PATIENCE_SECONDS = 20
NOBODY = 65534


class Agent:
    """One running command of the packed agent."""

    def __init__(self, archive, *arguments, python=sys.executable, prefix=(), env=None):
        self.process = subprocess.Popen(
            [*prefix, python, "-IS", str(archive), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **(env or {})},
        )
        self._rest = b""

    @property
    def pid(self):
        return self.process.pid

    def send(self, **request):
        self.send_raw(json.dumps({"v": 1, **request}).encode() + b"\n")

    def send_raw(self, line):
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def expect(self, kind):
        """The next message of a kind; those before it are skipped, an unexpected error fails."""
        while True:
            message = self.read()
            if message["type"] == kind:
                return message
            assert message["type"] != "error", message

    def read(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the agent said nothing"
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            assert data, f"the agent ended with {self.process.wait(PATIENCE_SECONDS)}"
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line)

    def tick(self, **fields):
        self.send(type="tick", id=1, **fields)
        return self.expect("census")

    def close_input(self):
        self.process.stdin.close()

    def wait(self):
        return self.process.wait(PATIENCE_SECONDS)

    def clean_up(self):
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()


def rows_of(census):
    """The census as {pid: {column: value}}."""
    from phoenix.agent.table import COLUMNS

    return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in census["processes"]}


def children_of(pid):
    """PIDs that the kernel shows as children of `pid`, read without our own code."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(part) for part in path.read_text().split()] if path.exists() else []


def simulated_by(load):
    """PIDs of a load's processes: the children of its generator, which is the guard's only child."""
    (generator,) = children_of(load.pid)
    return children_of(generator)


def marked(owner):
    """PIDs that carry an owner's mark, by a scan of the process table without our own code."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                environ = (folder / "environ").read_bytes().split(b"\0")
                if f"PHOENIX_OWNER={owner}".encode() in environ:
                    found.append(int(folder.name))
    return found


def wait_until(condition, what):
    """Poll until `condition()` is true."""
    pause = threading.Event()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        pause.wait(0.02)


def find_python39():
    """A Python 3.9, on PATH or in the usual place of pyenv."""
    found = shutil.which("python3.9")
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [Path(found)] if found else []
    candidates += sorted(root.glob("versions/3.9.*/bin/python"))
    return next((str(path) for path in candidates if _runs(path)), None)


def _runs(path):
    return subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    return agent_archive.write_to(tmp_path_factory.mktemp("agent"))


@pytest.fixture
def agent(archive):
    """Starts commands of the agent and ends them after the test."""
    started = []

    def start(*arguments, file=archive, **options):
        started.append(Agent(file, *arguments, **options))
        return started[-1]

    yield start
    for running in started:
        running.clean_up()


@pytest.fixture
def census(agent):
    running = agent("census")
    running.expect("hello")
    return running


@pytest.fixture
def load(agent, tmp_path):
    """Starts a load: `load(patterns, ...)` returns the agent after its `ready`."""
    number = iter(range(100))

    def start(
        patterns,
        *,
        seed=7,
        deadline_seconds=120,
        until="ready",
        owner=None,
        more=None,
        folder=tmp_path,
        **options,
    ):
        running = agent("load", **options)
        running.expect("hello")
        running.owner = owner or f"test-{os.getpid()}-{running.pid}"
        running.run_dir = folder / f"run{next(number)}"
        running.send(
            type="start",
            run_dir=str(running.run_dir),
            owner=running.owner,
            seed=seed,
            deadline_seconds=deadline_seconds,
            patterns=patterns,
            **(more or {}),
        )
        running.first = running.expect(until) if until else None
        return running

    return start


@pytest.fixture
def as_nobody(archive):
    """Options that start an agent as a user without rights, in a folder that is that user's own."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed (util-linux)")
    with tempfile.TemporaryDirectory(prefix="phoenix-nobody-") as name:
        folder = Path(name)
        file = Path(shutil.copy(archive, folder))
        folder.chmod(0o755)
        file.chmod(0o644)
        own = folder / "own"
        own.mkdir()
        os.chown(own, NOBODY, NOBODY)
        become = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        yield {"prefix": become, "file": file, "folder": own}


def pattern(name="idle", count=1, **fields):
    """A pattern of the `start` request, idle unless told otherwise."""
    return {"name": name, "count": count, "cpu": {"shape": "idle"}, **fields}


@pytest.fixture
def strays(agent):
    def look(owner):
        running = agent("strays", "--owner", owner)
        found = running.expect("strays")["processes"]
        assert running.wait() == 0
        return found

    return look


class Tools:
    """The helpers above, for tests that cannot import them (tests are not a package)."""

    rows_of = staticmethod(rows_of)
    children_of = staticmethod(children_of)
    simulated_by = staticmethod(simulated_by)
    marked = staticmethod(marked)
    wait_until = staticmethod(wait_until)
    find_python39 = staticmethod(find_python39)
    pattern = staticmethod(pattern)


@pytest.fixture(scope="session")
def tools():
    return Tools
