"""SIGTERM, SIGHUP and the loss of the terminal end every command as Ctrl-C does."""

import os
import pty
import signal
import subprocess
import sys

import pytest

from phoenix.cli.exit_codes import ExitCode

COMMAND = """
import sys, time
from phoenix.cli import app
def work(**_):
    try:
        print("started", flush=True)
        time.sleep(60)
    finally:
        print("cleaning up", file=sys.stderr, flush=True)
app.app = work
sys.exit(app.run())
"""


def started(before=None) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", COMMAND], stdout=subprocess.PIPE, preexec_fn=before)  # noqa: PLW1509 - no threads
    assert process.stdout
    assert process.stdout.readline() == b"started\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_with_the_code_for_stopped(number):
    with started() as process:
        process.send_signal(number)
        assert process.wait(timeout=10) == ExitCode.STOPPED


def test_a_hangup_that_nohup_ignores_stays_ignored():
    with started(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)
        process.terminate()
        assert process.wait(timeout=10) == ExitCode.STOPPED


def test_a_closed_terminal_does_not_cut_the_ending_short():
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", COMMAND])  # noqa: S606 - our own interpreter
    assert b"started" in os.read(terminal, 100)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == ExitCode.STOPPED
