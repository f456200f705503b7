"""The contract of `Machine`, over this machine and over the same one behind sshd: files, and what it is.

Its lock is in test_machine_locks.py, programs, processes and ports in test_machine_programs.py.
"""

import hashlib
import os
import subprocess
import threading
from pathlib import Path

import pytest

from phoenix.adapters.machines import scripts
from phoenix.adapters.machines.machine import Finished, Text
from phoenix.adapters.machines.ssh import SshMachine
from phoenix.domain.errors import DependencyError
from tests.support.waiting import eventually

pytestmark = pytest.mark.real

ODD = "a b'\"$(touch /tmp/never)\n; é\\"


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


def test_a_change_that_fails_ends_there(machine, tmp_path):
    """What comes after relies on what went before."""
    (tmp_path / "file").write_text("no folder")
    texts = [Text(tmp_path / name, "new") for name in ("first", "file/second", "third")]
    with pytest.raises((DependencyError, OSError)):
        machine.change(texts, [tmp_path / "file"])
    assert machine.names(tmp_path) == (("file", "first"),)


def test_readers_find_the_old_or_the_new_and_never_less(machine, tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    texts, targets = ("a" * 1_000_000, "b" * 1_000_000), ("revision-1", "revision-2")
    machine.write(path, texts[0])
    machine.link(link, targets[0])
    is_over, seen, faults = threading.Event(), set(), []

    def read() -> None:
        while not is_over.is_set():
            try:
                seen.add((path.read_text(), str(link.readlink())))
            except OSError as error:
                faults.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(20):
        machine.write(path, texts[number % 2])
        machine.link(link, targets[number % 2])
    is_over.set()
    thread.join(10)
    assert faults == []
    assert {text for text, _ in seen} <= {*texts}
    assert {target for _, target in seen} <= {*targets}
    assert len(seen) > 1


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


def test_folders_are_open_to_whom_they_should_be(machine, tmp_path):
    machine.make_folder(tmp_path / "shared/folder", 0o755)
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("shared", "shared/folder")} == {0o755}


def test_names_are_sorted_and_the_hidden_ones_among_them(machine, tmp_path):
    for name in ("b", ".hidden", "a c", "é", "-n"):
        (tmp_path / name).touch()
    assert machine.names(tmp_path, tmp_path / "b") == (("-n", ".hidden", "a c", "b", "é"), ())


def test_a_link_is_removed_and_not_what_it_leads_to(machine, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").touch()
    machine.link(tmp_path / "link", "kept")
    machine.link(tmp_path / "dangling", "nowhere")
    assert machine.exists(tmp_path / "dangling")
    machine.remove(tmp_path / "link", tmp_path / "dangling")
    assert machine.names(tmp_path, tmp_path / "kept") == (("kept",), ("file",))


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


def test_an_upload_that_is_cut_leaves_nothing_and_can_be_done_again(ssh_machine, sshd, tmp_path):
    source, slow, target = tmp_path / "source", tmp_path / "slow", tmp_path / "bin/tool"
    source.write_bytes(b"#!/bin/sh\necho hi\n" + b"#" * 2_000_000)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    os.mkfifo(slow)

    def cut() -> None:
        with slow.open("wb") as half:
            half.write(source.read_bytes()[:1_500_000])
            eventually(lambda: list(target.parent.glob("*.tmp")), what="the first part")
            sshd[0].drop_sessions()

    thread = threading.Thread(target=cut)
    thread.start()
    with pytest.raises(DependencyError) as fault:
        ssh_machine.put(slow, target, digest)
    thread.join(10)
    assert fault.value.code == "connection_lost"
    eventually(lambda: ssh_machine.names(target.parent) == (("lock",),), what="nothing of it")
    ssh_machine.put(source, target, digest)
    assert ssh_machine.run([str(target)]).out == b"hi\n"


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


def test_it_says_what_it_is(machine):
    facts = machine.facts()
    assert facts.architecture == os.uname().machine
    assert facts.is_root == (os.geteuid() == 0)
    assert Path(facts.python).exists()
    assert machine.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_a_machine_whose_date_tells_no_fractions_is_told_what_it_needs():
    class Busy:
        def run(self, *_: object, **__: object) -> Finished:
            return Finished(0, b"x86_64\n0\n/root\nno\n\n1700000000.%N\n", b"")

    with pytest.raises(DependencyError, match=r"1700000000\.%N") as fault:
        SshMachine("ssh://small", Busy()).facts()
    assert fault.value.hint == "install coreutils there"
