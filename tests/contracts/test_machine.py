"""The contract of `Machine`, over this machine and over the same one behind a real sshd."""

import hashlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

from phoenix.adapters.machines import scripts, ssh
from phoenix.adapters.machines.local import LocalMachine
from phoenix.adapters.machines.machine import Row, Text, is_alive
from phoenix.domain.errors import DependencyError
from tests.support.waiting import eventually

pytestmark = pytest.mark.real

SECOND = timedelta(seconds=5)
ODD = "a b'\"$(touch /tmp/never)\n; é\\"


@pytest.fixture(params=["local", "ssh"])
def machine(request):
    if request.param == "local":
        return LocalMachine(sys.executable)
    return request.getfixturevalue("ssh_machine")


def test_a_written_file_is_read_again(machine, tmp_path):
    path = tmp_path / "file"
    machine.write(path, ODD)
    assert machine.read(path) == path.read_text("utf-8") == ODD
    assert path.stat().st_mode & 0o777 == 0o600
    machine.write(path, "", 0o644)
    assert machine.read(path) == ""
    assert path.stat().st_mode & 0o777 == 0o644
    assert machine.names(tmp_path) == (("file",),)


def test_what_is_not_there_is_none_and_not_an_error(machine, tmp_path):
    missing = tmp_path / "missing"
    assert machine.read(missing) is None
    assert machine.read_tail(missing, 10) == ""
    assert machine.link_target(missing) is None
    assert machine.names(missing, missing) == ((), ())
    assert not machine.exists(missing)
    machine.remove(missing)


@pytest.mark.parametrize("text", ["a\r\nb\n\r", "no end", "\n\n", "é\u2028\u0085 🎉", "\ttab "])
def test_a_text_is_read_as_it_was_written(machine, tmp_path, text):
    machine.write(tmp_path / "file", text)
    assert machine.read(tmp_path / "file") == text
    assert (tmp_path / "file").read_bytes() == text.encode()


def test_files_are_read_together_and_a_damaged_one_is_no_obstacle(machine, tmp_path):
    (tmp_path / "text").write_text("a\nb")
    (tmp_path / "none").write_bytes(b"")
    (tmp_path / "damaged").write_bytes(b"\xff\xfe{")
    texts = machine.read_all(*(tmp_path / name for name in ("text", "missing", "none", "damaged", "text")))
    assert texts == ("a\nb", None, "", "\ufffd\ufffd{", "a\nb")
    assert machine.read_all() == ()


def test_the_same_file_of_each_folder_is_read(machine, tmp_path):
    assert machine.read_each(tmp_path / "missing", "record") == {}
    for name, text in (("b", "1"), ("a c", "2\n"), ("without", None), (".hidden", "3")):
        (tmp_path / "of" / name).mkdir(parents=True)
        if text:
            (tmp_path / "of" / name / "record").write_text(text)
    (tmp_path / "of" / "file").write_text("no folder")
    found = dict(machine.read_each(tmp_path / "of", "record"))
    found.pop(".hidden", None)
    assert found == {"b": "1", "a c": "2\n", "without": None}


def test_changes_are_made_together(machine, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "file").write_text("x")
    large = ODD * 50_000
    texts = [
        Text(tmp_path / "a/b/secret", ODD),
        Text(tmp_path / "shared/config", large, 0o644, 0o755),
        Text(tmp_path / "a/b/secret", "last"),
        Text(tmp_path / "empty", ""),
    ]
    machine.change(texts, [old, tmp_path / "never-there"])
    assert (tmp_path / "a/b/secret").read_text() == "last"
    assert (tmp_path / "shared/config").read_text() == large
    modes = ("a", 0o700), ("a/b/secret", 0o600), ("shared", 0o755), ("shared/config", 0o644), ("empty", 0o600)
    assert {name: (tmp_path / name).stat().st_mode & 0o777 for name, _ in modes} == dict(modes)
    assert machine.names(tmp_path, tmp_path / "a/b") == (("a", "empty", "shared"), ("secret",))


def test_its_clock_is_the_one_of_the_machine(machine):
    assert abs(machine.now() - time.time()) < 1


def test_a_path_is_never_read_as_shell(machine, tmp_path):
    path = tmp_path / "-n $(touch pwned) 'x'; echo"
    machine.write(path, "text")
    assert machine.read(path) == "text"
    machine.remove(path)
    assert machine.names(tmp_path) == ((),)


def test_the_end_of_a_file_is_read_and_no_more(machine, tmp_path):
    (tmp_path / "log").write_text("x" * 1_000_000 + "end")
    assert machine.read_tail(tmp_path / "log", 3) == "end"


def test_a_link_is_replaced_in_one_step(machine, tmp_path):
    link = tmp_path / "active"
    for target in ("places/revision-1", "places/revision-2"):
        machine.link(link, target)
        assert machine.link_target(link) == target
    machine.remove(link)
    assert machine.link_target(link) is None


def test_folders_are_made_and_removed_with_what_is_in_them(machine, tmp_path):
    for _ in range(2):
        machine.make_folder(tmp_path / "a/b")
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    machine.write(tmp_path / "a/file", "x")
    assert machine.names(tmp_path / "a", tmp_path) == (("b", "file"), ("a",))
    machine.remove(tmp_path / "a")
    assert machine.names(tmp_path) == ((),)


def test_a_program_tells_its_end(machine):
    done = machine.run(["sh", "-c", 'cat; printf %s "$1"; echo no >&2; exit 3', "sh", ODD], stdin=b"in ")
    assert (done.status, done.out, done.err) == (3, f"in {ODD}".encode(), b"no\n")


def test_a_program_that_is_not_there_has_the_shells_status(machine):
    assert machine.run(["no-such-program"]).status == 127


def test_a_program_that_does_not_end_is_given_up(machine):
    with pytest.raises(DependencyError) as fault:
        machine.run(["sleep", "60"], timeout=timedelta(seconds=0.5))
    assert fault.value.code == "host_timeout"


def test_a_pipe_carries_both_ways_and_ends_with_its_input(machine):
    pipe = machine.open(["sh", "-c", "cat; echo bye >&2; exit 4"], {"A": "b"})
    try:
        assert pipe.status() is None
        os.write(pipe.stdin, b"hello")
        assert select.select([pipe.stdout], [], [], 10)[0]
        assert os.read(pipe.stdout, 100) == b"hello"
        pipe.end_input()
        assert pipe.wait(SECOND)
        assert pipe.status() == 4
        assert pipe.last_words() == "bye"
    finally:
        pipe.close()


def test_a_closed_pipe_leaves_no_process(machine):
    pipe = machine.open(["sh", "-c", "echo $$; trap '' TERM; while :; do sleep 0.1; done"], {})
    assert select.select([pipe.stdout], [], [], 10)[0]
    one = machine.row(int(os.read(pipe.stdout, 100)))
    pipe.close()
    eventually(lambda: not is_alive(machine, one), what="the program to be gone")


def test_the_lock_keeps_others_out_until_it_is_freed(machine, tmp_path):
    order: list[str] = []

    def second() -> None:
        with LocalMachine(sys.executable).locked(tmp_path / "new"):
            order.append("second")

    with machine.locked(tmp_path / "new"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_nobody_else_may_open_the_lock(machine, tmp_path):
    """Whoever can read a file can lock it, for ever."""
    with machine.locked(tmp_path / "new"):
        assert (tmp_path / "new/lock").stat().st_mode & 0o777 == 0o600


def test_nothing_is_changed_under_a_lock_that_was_lost(ssh_machine, sshd, tmp_path):
    """The connection is made anew, but the lock may be somebody else's by then."""
    machine, path = ssh_machine, tmp_path / "file"
    machine.write(path, "before")
    changes = (
        lambda: machine.write(path, "after"),
        lambda: machine.remove(path),
        lambda: machine.link(tmp_path / "link", "after"),
    )
    for change in changes:
        with machine.locked(tmp_path):
            sshd[0].drop_sessions()
            with LocalMachine(sys.executable).locked(tmp_path):
                pass
            with pytest.raises(DependencyError, match="the lock was lost meanwhile"):
                change()
            assert machine.read(path) == "before"
    assert machine.names(tmp_path) == (("file", "lock"),)
    machine.write(path, "without a lock")
    assert path.read_text() == "without a lock"


def test_a_lock_whose_holder_fell_silent_is_free_after_a_while(ssh_machine, tmp_path, monkeypatch):
    """A host does not see that a network was cut: by itself it would wait for hours."""
    monkeypatch.setattr(ssh, "LOCK_LIFETIME", timedelta(seconds=1))
    with ssh_machine.locked(tmp_path), LocalMachine(sys.executable).locked(tmp_path):
        with pytest.raises(DependencyError, match="the lock was lost meanwhile"):
            ssh_machine.write(tmp_path / "file", "late")
        assert not (tmp_path / "file").exists()


def test_whoever_waits_for_a_lock_is_told_when_to_come_again(ssh_machine, tmp_path, monkeypatch):
    monkeypatch.setattr(ssh, "_LOCK_PATIENCE", timedelta(seconds=0.2))
    held = LocalMachine(sys.executable).locked(tmp_path)
    with held, pytest.raises(DependencyError, match="somebody holds it") as refusal:
        ssh_machine.locked(tmp_path).__enter__()
    assert "in 2 minutes" in refusal.value.hint
    with ssh_machine.locked(tmp_path):
        pass


def test_a_lock_is_of_the_thread_that_took_it(ssh_machine, tmp_path):
    """Another one's change must not fail because of it."""
    with ssh_machine.locked(tmp_path):
        thread = threading.Thread(target=ssh_machine.write, args=(tmp_path / "file", "other"))
        thread.start()
        thread.join(10)
        assert (tmp_path / "file").read_text() == "other"


def test_one_who_dies_while_writing_disturbs_nobody_who_comes_after(ssh_machine, tmp_path):
    path = tmp_path / "file"
    words = ["", "1", str(path), "077", "077", "6"]
    dying = subprocess.Popen(["sh", "-c", scripts.CHANGE, "sh", *words], stdin=subprocess.PIPE)
    dying.stdin.write(b"dea")
    dying.stdin.flush()
    eventually(lambda: list(tmp_path.glob("*.tmp")), what="its file")
    ssh_machine.write(path, "whole")
    dying.stdin.close()
    assert dying.wait(10) == 1
    assert path.read_text() == "whole"
    assert ssh_machine.names(tmp_path) == (("file",),)


def test_programs_that_nobody_asked_for_are_forgotten(ssh_machine, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"#!/bin/sh\n")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    for name in ("old", "kept", "asked-for"):
        ssh_machine.put(source, tmp_path / "bin" / name / "tool", digest)
        os.utime(tmp_path / "bin" / name, (0, 0))
    ssh_machine.put(source, tmp_path / "bin/asked-for/tool", digest)
    ssh_machine.forget(tmp_path / "bin", 60, ["kept"])
    ssh_machine.forget(tmp_path / "missing", 60, [])
    assert ssh_machine.names(tmp_path / "bin") == (("asked-for", "kept"),)


def test_a_program_is_put_there_once_and_only_whole(ssh_machine, tmp_path):
    """Not of this machine, where a program stays where it is."""
    machine = ssh_machine
    source, target = tmp_path / "source", tmp_path / "bin/tool"
    source.write_bytes(b"#!/bin/sh\necho hi\n" + b"#" * 3_000_000)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    machine.put(source, target, digest)
    assert machine.run([str(target)]).out == b"hi\n"
    before = target.stat().st_ino
    machine.put(source, target, digest)
    assert target.stat().st_ino == before
    target.write_bytes(b"tampered")
    machine.put(source, target, digest)
    assert machine.run([str(target)]).out == b"hi\n"
    with pytest.raises(DependencyError, match="not what was sent"):
        machine.put(source, tmp_path / "bin/other", "0" * 64)
    assert machine.names(tmp_path / "bin") == (("lock", "tool"),)


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
        port = machine.reach(server.server_port)
        with urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert answer.read() == b"answer"
        machine.leave(server.server_port)
    finally:
        server.shutdown()
        server.server_close()


def test_it_says_what_it_is(machine):
    facts = machine.facts()
    assert facts.architecture == os.uname().machine
    assert facts.is_root == (os.geteuid() == 0)
    assert Path(facts.python).exists()
    assert machine.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
