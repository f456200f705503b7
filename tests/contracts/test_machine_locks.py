"""What `Machine` promises of lock and clock, over this machine and over the same one behind sshd."""

import fcntl
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from phoenix.adapters.machines import scripts, ssh
from phoenix.adapters.machines.local import LocalMachine
from phoenix.domain.errors import DependencyError
from tests.support.waiting import eventually

pytestmark = pytest.mark.real


def is_held(folder: Path) -> bool:
    with (folder / "lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_its_clock_is_the_one_of_the_machine(machine):
    assert abs(machine.now() - time.time()) < 1


def test_its_clock_is_asked_again_with_each_lock(ssh_machine, tmp_path, monkeypatch):
    """Clocks are set: a lease must not be judged by what one said hours ago."""
    ssh_machine.now()
    monkeypatch.setattr(ssh, "_elapsed", lambda: time.clock_gettime(time.CLOCK_BOOTTIME) + 1000)
    assert abs(ssh_machine.now() - time.time()) > 900
    with ssh_machine.locked(tmp_path):
        assert abs(ssh_machine.now() - time.time()) < 1


def test_a_lock_is_free_after_an_error_and_after_its_holders_death(machine, tmp_path):
    def fail_while_it_is_held() -> None:
        with machine.locked(tmp_path):
            assert is_held(tmp_path)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_it_is_held()
    eventually(lambda: not is_held(tmp_path), what="the lock after an error")
    words = [str(tmp_path), "60", "60"]
    holder = subprocess.Popen(
        ["sh", "-c", scripts.LOCK, "sh", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline().startswith(b"locked")
    assert is_held(tmp_path)
    holder.communicate()
    with machine.locked(tmp_path):
        assert is_held(tmp_path)


def test_a_lock_within_another_leaves_that_one_held(machine, tmp_path):
    outer, inner, path = tmp_path / "outer", tmp_path / "inner", tmp_path / "file"
    with machine.locked(outer):
        with machine.locked(inner):
            machine.write(path, "inner")
            assert is_held(inner)
        eventually(lambda: not is_held(inner), what="the inner lock")
        assert is_held(outer)
        machine.write(path, "outer")
    assert path.read_text() == "outer"
    eventually(lambda: not is_held(outer), what="the outer lock")


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


def test_a_lock_within_another_does_not_hide_that_this_one_was_lost(ssh_machine, sshd, tmp_path):
    with ssh_machine.locked(tmp_path / "outer"):
        sshd[0].drop_sessions()
        with ssh_machine.locked(tmp_path / "inner"):
            pass
        with pytest.raises(DependencyError, match="the lock was lost meanwhile"):
            ssh_machine.write(tmp_path / "file", "after")
    assert not (tmp_path / "file").exists()


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
