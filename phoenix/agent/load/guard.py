"""`load`: starts a generator, sees that nothing outlives it, and proves that nothing did.

    guard                 reads the request, says no to what the host does not allow, holds the caps; at the end it looks
      |                   through the whole process table for what carries the mark
      generator           starts and ends the simulated processes
        simulated processes

As root the generator is the first process of a PID namespace: when it ends, however it ends, the kernel ends everything
in there. Elsewhere each simulated process asks the kernel to be killed with the generator (PR_SET_PDEATHSIG), and the
guard adopts and ends what is left. The generator dies with the guard in the same way.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import select
import shutil
import signal
import time
import traceback
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn, Optional

from phoenix.agent import protocol, strays, wake
from phoenix.agent.load import admission, kernel
from phoenix.agent.load.cage import Cage
from phoenix.agent.load.generator import STDIN, Generator, Surroundings
from phoenix.agent.load.population import Population
from phoenix.agent.load.request import Start, read_start

NAMESPACE, DEATH_SIGNAL = "pid namespace", "parent-death signal"

_LEAVE_SECONDS = 5.0
"""For the generator to end by itself: it kills and reaps 5,000 processes in some 0.3 s."""

_BURIAL_SECONDS = 10.0
_LONGEST_WAIT_SECONDS = 3600.0
"""poll(2) knows no more than 24 days."""

_PROC = "/proc"
"""Not HOST_PROC: the processes are those of our own namespace, and below."""


class _Report(NamedTuple):
    """How the generator ended; `refusal` is the code of a refusal, "" for any other failure."""

    reason: str
    spawned: int = 0
    failure: str = ""
    refusal: str = ""


def run() -> int:
    """Serve one load run."""
    _close_inherited()
    signals = wake.on_signals()
    protocol.hello("load")
    requests = protocol.Lines(STDIN)
    first = _first(requests, signals)
    if first is None:
        return 0
    start = read_start(first)
    admission.demand_room(start)
    listener = admission.metrics_listener(start.metrics_port)
    start = start._replace(run_dir=_new_folder(start.run_dir))
    cage = Cage()
    report = _Report("failed")
    try:
        cage.enter(start.owner, start.limits)
        kernel.adopt_orphans()
        contained_by = NAMESPACE if os.geteuid() == 0 and kernel.divide_process_ids() else DEATH_SIGNAL
        lifeline, ours = os.pipe()
        reports, written = os.pipe()
        generator = os.fork()
        if generator == 0:
            os.close(ours)
            around = Surroundings(-1, lifeline, _PROC, listener, contained_by, cage.capped)
            _generate(start, requests, around, written)
        os.close(written)
        _await_end(generator, signals, start.deadline_seconds)
        report = _read_report(reports)
    except OSError as error:
        report = _Report("failed", failure=_words(error))
    finally:
        left = _bury(start)
        shutil.rmtree(start.run_dir, ignore_errors=True)
        cage.leave()
    if not report.failure and os.path.exists(start.run_dir):
        report = report._replace(failure=f"{start.run_dir} could not be removed")
    return _farewell(report, left)


def _generate(start: Start, requests: protocol.Lines, around: Surroundings, written: int) -> NoReturn:
    """The generator's process, from its first to its last moment."""
    report = _Report("failed", failure="it ended in a way that it could not say")
    try:
        kernel.die_with_parent()
        gc.disable()  # nothing here makes cycles, and a collection would make a start late
        around = around._replace(signals=wake.on_signals(), process_table=_process_table(start, around))
        population = Population(start)
        report = _run(Generator(start, population, requests, around), population)
    except BaseException:  # noqa: BLE001 - told, and nothing of the guard's may run in this process
        traceback.print_exc()
    finally:
        try:
            os.write(written, json.dumps(report._asdict()).encode())
        finally:
            os._exit(0)


def _run(generator: Generator, population: Population) -> _Report:
    reason, failure, refusal = "failed", "", ""
    try:
        population.prepare()
        generator.run()
        reason = generator.reason
    except BrokenPipeError:
        reason = "eof"
    except protocol.RefusedError as error:
        failure, refusal = str(error), error.code
    except OSError as error:
        failure = _words(error)
    finally:
        population.stop()
    return _Report(reason, population.spawned, failure, refusal)


def _words(error: OSError) -> str:
    """What the host did not allow, for a person."""
    hint = {
        errno.EAGAIN: "it allows no more processes: see the limits of its user, of the control group and of the kernel",
        errno.EACCES: "is the folder mounted noexec?",
        errno.EPERM: "does the folder's file system know no hard links?",
    }.get(error.errno or 0)
    return f"{type(error).__name__}: {error}" + (f" ({hint})" if hint else "")


def _process_table(start: Start, around: Surroundings) -> Optional[str]:
    """A process table that shows our processes under the PIDs that we know."""
    if around.contained_by != NAMESPACE:
        return _PROC
    folder = f"{start.run_dir}/=proc"
    os.mkdir(folder, 0o700)
    return folder if kernel.mount_process_table(folder) else None


def _first(requests: protocol.Lines, signals: int) -> Optional[dict[str, Any]]:
    """The start request; None if the other side left or we were told to end before it came."""
    while not requests.eof:
        readable, _, _ = select.select([STDIN, signals], [], [])
        if signals in readable and wake.is_told_to_end(signals):
            return None
        request = requests.read_first() if STDIN in readable else None
        if request is not None:
            return request
    return None


def _close_inherited() -> None:
    """What whoever started us forgot to close: every simulated process would hold it open."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            with suppress(OSError):  # the one that we listed them by
                os.close(int(name))


def _new_folder(path: str) -> str:
    """Make it; returns it as the kernel names it, for by that we shall know what runs its files."""
    try:
        os.mkdir(path, 0o700)
        return os.path.realpath(path)
    except OSError as error:
        raise protocol.RefusedError(
            "bad_run_dir", f"run_dir must be new, in a folder that exists: {error}"
        ) from error


def _await_end(generator: int, signals: int, deadline_seconds: float) -> None:
    """Until the generator is gone: told to end where we are, and killed where it does not."""
    poller = select.poll()
    poller.register(signals, select.POLLIN)
    poller.register(STDIN, 0)  # only its end is ours to see
    end = time.monotonic() + deadline_seconds + _LEAVE_SECONDS
    while not _is_gone(generator):
        if time.monotonic() >= end:
            os.kill(generator, signal.SIGKILL)
            os.waitpid(generator, 0)
            return
        seconds = min(end - time.monotonic(), _LONGEST_WAIT_SECONDS)
        for fd, _ in poller.poll(max(1.0, seconds * 1e3)):
            is_end = fd == STDIN or wake.is_told_to_end(signals)
            if fd == STDIN:
                poller.unregister(STDIN)
            if is_end:
                end = min(end, time.monotonic() + _LEAVE_SECONDS)
            if is_end and fd != STDIN:
                os.kill(generator, signal.SIGTERM)


def _is_gone(generator: int) -> bool:
    """Reaps it, and orphans that were left to us."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid in (0, generator):
            return pid == generator


def _read_report(reports: int) -> _Report:
    """What the generator said at last; nothing where it was killed."""
    os.set_blocking(reports, False)
    try:
        text = os.read(reports, 1 << 16)
    except BlockingIOError:
        text = b""
    return _Report(**json.loads(text)) if text else _Report("killed", failure="the generator was killed")


def _bury(start: Start) -> list[int]:
    """End whatever the process table still shows of this load; returns the PIDs of what cannot be ended."""
    deadline = time.monotonic() + _BURIAL_SECONDS
    while True:
        left = [pid for pid in _marked(start.owner) if _runs_ours(pid, start.run_dir)]
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue  # gone meanwhile; or not ours to end, which is told at last
        while left and _reaps():
            pass
        if not left or time.monotonic() > deadline:
            return left
        select.select([], [], [], 0.01)


def _reaps() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _marked(owner: str) -> list[int]:
    found, _ = strays.marked(owner, _PROC)
    return [int(str(row[0])) for row in found]


def _runs_ours(pid: int, run_dir: str) -> bool:
    """Others may carry the owner's mark rightly, e.g. its census: ours run a file of our folder."""
    try:
        return os.readlink(f"{_PROC}/{pid}/exe").startswith(run_dir + "/")
    except OSError:
        return False


def _farewell(report: _Report, left: list[int]) -> int:
    try:
        if report.failure:
            protocol.emit("error", code=report.refusal or "load_failed", message=report.failure)
        protocol.emit(
            "stopped", reason=report.reason, left=len(left), left_pids=left, spawned_total=report.spawned
        )
    except OSError:
        pass  # nobody listens any more, and the work is done
    if report.refusal:
        return protocol.EXIT_REFUSED
    return protocol.EXIT_FAILED if report.failure or left else 0
