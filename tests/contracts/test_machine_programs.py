"""What `Machine` promises of programs, processes and ports, here and behind a real sshd."""

import os
import select
import signal
import subprocess
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

from phoenix.adapters.machines.machine import Pipe, Row, is_alive
from phoenix.domain.errors import DependencyError
from tests.support.waiting import eventually

pytestmark = pytest.mark.real

SECONDS = timedelta(seconds=10)
ODD = "a b'\"$(touch /tmp/never)\n; é\\"


def fill(handle: int) -> None:
    for _ in range(1000):
        os.write(handle, bytes(1 << 16))


def said(pipe: Pipe) -> bytes:
    """All that a program says until its end."""
    words = b""
    while select.select([pipe.stdout], [], [], SECONDS.total_seconds())[0]:
        if not (part := os.read(pipe.stdout, 1 << 16)):
            return words
        words += part
    raise AssertionError(f"it does not end: {words!r}")


def test_a_program_tells_its_end(machine):
    done = machine.run(["sh", "-c", 'cat; printf %s "$1"; echo no >&2; exit 3', "sh", ODD], stdin=b"in ")
    assert (done.status, done.out, done.err) == (3, f"in {ODD}".encode(), b"no\n")


def test_a_program_that_cannot_be_run_has_the_shells_status(machine, tmp_path):
    (tmp_path / "text").write_text("no program")
    assert machine.run(["no-such-program"]).status == 127
    assert machine.run([str(tmp_path / "text")]).status == 126


def test_a_program_that_does_not_end_is_given_up_and_killed(machine, tmp_path):
    note = tmp_path / "pid"
    with pytest.raises(DependencyError) as fault:
        machine.run(["sh", "-c", 'echo $$ >"$0"; exec sleep 60', str(note)], timeout=timedelta(seconds=1))
    assert fault.value.code == "host_timeout"
    eventually(lambda: machine.row(int(note.read_text())) is None, what="its end")


def test_a_program_is_given_nothing_of_our_environment(machine, monkeypatch):
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    run = machine.run(["env", "-0"]).out.split(b"\0")
    pipe = machine.open(["env", "-0"], {"PHOENIX_OWNER": ODD})
    try:
        opened = said(pipe).split(b"\0")
    finally:
        pipe.close()
    assert f"PHOENIX_OWNER={ODD}".encode() in opened
    assert any(entry.startswith(b"PATH=") for entry in run)
    assert b"SECRET_OF_OURS=x" not in {*run, *opened}


def test_much_goes_through_a_program_and_one_may_leave_it_unread(machine):
    much = os.urandom(3_000_000)
    assert machine.run(["cat"], stdin=much).out == much
    assert machine.run(["true"], stdin=much).status == 0


def test_a_pipe_carries_both_ways_and_ends_with_its_input(machine):
    pipe = machine.open(["sh", "-c", "cat; echo bye >&2; exit 4"], {"A": "b"})
    try:
        assert pipe.status() is None
        os.write(pipe.stdin, b"hello")
        assert select.select([pipe.stdout], [], [], 10)[0]
        assert os.read(pipe.stdout, 100) == b"hello"
        pipe.end_input()
        assert pipe.wait(SECONDS)
        assert pipe.status() == 4
        assert pipe.last_words() == "bye"
    finally:
        pipe.close()


def test_a_program_that_reads_nothing_does_not_hold_whoever_writes(machine):
    pipe = machine.open(["sleep", "60"], {})
    try:
        with pytest.raises(BlockingIOError):
            fill(pipe.stdin)
        assert not pipe.wait(timedelta(seconds=0.1))
        assert pipe.status() is None
    finally:
        pipe.close()


def test_a_program_that_a_signal_ended_says_so_as_shells_do(machine):
    pipe = machine.open(["sh", "-c", "kill -KILL $$"], {})
    try:
        assert pipe.wait(SECONDS)
        assert pipe.status() == 128 + signal.SIGKILL
    finally:
        pipe.close()
    assert pipe.status() == 128 + signal.SIGKILL


def test_the_last_words_are_the_end_of_many(machine):
    pipe = machine.open(["sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo the end >&2"], {})
    try:
        assert pipe.wait(SECONDS)
        words = pipe.last_words()
        assert words.endswith("the end")
        assert len(words) < 100_000
    finally:
        pipe.close()


def test_a_closed_pipe_leaves_no_process(machine):
    pipe = machine.open(["sh", "-c", "echo $$; trap '' TERM; while :; do sleep 0.1; done"], {})
    assert select.select([pipe.stdout], [], [], 10)[0]
    one = machine.row(int(os.read(pipe.stdout, 100)))
    pipe.close()
    eventually(lambda: not is_alive(machine, one), what="the program to be gone")


def test_processes_are_seen_with_their_marks_and_nothing_else_of_their_environment(machine):
    environ = {"PHOENIX_OWNER": ODD, "SECRET": "x", "PATH": os.environ["PATH"]}
    child = subprocess.Popen(["sleep", "60"], env=environ)
    try:
        eventually(
            lambda: (
                {"PHOENIX_OWNER": ODD} in [one.marks for one in machine.processes() if one.pid == child.pid]
            ),
            what="its marks",
        )
        one = machine.row(child.pid)
        assert (one.name, one.session) == ("sleep", os.getsid(child.pid))
        machine.deliver(Row(one.pid, one.started + 1, one.session, one.name), signal.SIGKILL)
        assert is_alive(machine, one)
        machine.deliver(one, signal.SIGKILL)
        eventually(lambda: not is_alive(machine, one), what="its end")
        machine.deliver(one, signal.SIGKILL)
    finally:
        child.kill()
        child.wait()


def test_who_is_dead_but_not_yet_buried_does_not_live(machine):
    child = subprocess.Popen(["true"])
    try:
        eventually(lambda: machine.row(child.pid) is None, what="its end")
        assert Path(f"/proc/{child.pid}").exists()
        assert child.pid not in [one.pid for one in machine.processes()]
    finally:
        child.wait()


def test_a_name_that_imitates_the_table_deceives_nobody(machine, tmp_path):
    program = tmp_path / "1 (x) S\n1"
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([program, "60"])
    try:
        eventually(
            lambda: machine.row(child.pid) and machine.row(child.pid).name != "python", what="its name"
        )
        mine = [one for one in machine.processes() if one.pid == child.pid]
        assert [one.name for one in mine] == ["1 (x) S\n1"]
    finally:
        child.kill()
        child.wait()


def test_a_port_of_the_machine_is_reached(machine):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"answer")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for _ in range(2):
            port = machine.reach(server.server_port)
            assert machine.reach(server.server_port) == port
            with urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                assert answer.read() == b"answer"
            machine.leave(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
