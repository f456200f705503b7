"""The simulated processes: their files, their start, their end, and who is alive."""

from __future__ import annotations

import os
import select
import shutil
import signal
import time

from phoenix.agent import procfs, protocol, strays
from phoenix.agent.load import image
from phoenix.agent.load.request import MAXIMUM_MEMORY_SHARE, Child, Start

_TERM_SECONDS = 2.0
_KILL_SECONDS = 10.0
_PROC = "/proc"
"""Not HOST_PROC: the children's PIDs are those of the agent's own namespace."""


class Population:
    """Children of this thread: they die with it (PR_SET_PDEATHSIG), so the agent stays single-threaded.

    Attributes:
        alive: PID -> index of the child it stands for.
        spawned: Processes started so far.
        exited: Processes reaped so far.
    """

    def __init__(self, start: Start) -> None:
        self.alive: dict[int, int] = {}
        self.spawned = 0
        self.exited = 0
        self._start = start
        self._is_prepared = False
        self._files: dict[int, str] = {}
        self._exited_cpu = 0.0
        self._environment = protocol.marks(start.owner)

    def prepare(self) -> None:
        """Write the program files.

        Raises:
            RefusedError: The folder exists, or this host cannot run the load.
        """
        machine = os.uname().machine
        if machine not in image.CODE:
            raise protocol.RefusedError(
                "unsupported_machine", f"no program for {machine}, only {sorted(image.CODE)}"
            )
        _require_memory(self._start.children)
        try:
            os.mkdir(self._start.run_dir, 0o700)
        except OSError as error:
            raise protocol.RefusedError(
                "bad_run_dir", f"run_dir must be new, in a folder that exists: {error}"
            ) from error
        self._is_prepared = True
        folders: dict[image.Behaviour, str] = {}
        for index, child in enumerate(self._start.children):
            folder = folders.get(child.behaviour)
            if folder is None:
                folder = folders[child.behaviour] = f"{self._start.run_dir}/{len(folders)}"
                os.mkdir(folder, 0o700)
                _write(f"{folder}/=image", image.build(machine, os.getpid(), child.behaviour))
            self._files[index] = f"{folder}/{child.name}"
            if not os.path.exists(self._files[index]):
                os.link(f"{folder}/=image", self._files[index])

    def spawn(self, index: int) -> int:
        """Start the process of child `index`; returns its PID.

        Raises:
            OSError: The host refuses (process limits, a folder mounted noexec).
        """
        child = self._start.children[index]
        null = "/dev/null"
        pid = os.posix_spawn(
            self._files[index],
            [child.name, *child.arguments],
            self._environment,
            file_actions=[(os.POSIX_SPAWN_OPEN, fd, null, os.O_RDWR, 0) for fd in (0, 1, 2)],
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python ignores these, and ignoring is inherited
        )
        self.alive[pid] = index
        self.spawned += 1
        return pid

    def reap(self) -> list[int]:
        """The children whose processes ended since the last call."""
        ended: list[int] = []
        while self.alive:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                break
            self._exited_cpu += usage.ru_utime + usage.ru_stime
            self.exited += 1
            ended.append(self.alive.pop(pid))
        return ended

    def end(self, pid: int) -> None:
        """Ask one process to end; its PID cannot be another's before it is reaped."""
        os.kill(pid, signal.SIGTERM)

    def usage(self) -> tuple[float, int]:
        """CPU seconds used so far, exited processes included, and resident bytes now."""
        cpu, resident = self._exited_cpu, 0
        for pid in self.alive:
            folder = f"{_PROC}/{pid}"
            try:
                _, fields = procfs.parse_stat(procfs.read(f"{folder}/stat"))
                resident += int(procfs.read(f"{folder}/statm").split(b" ", 2)[1]) * procfs.PAGE_BYTES
            except (OSError, ValueError):
                continue
            cpu += (int(fields[procfs.UTIME]) + int(fields[procfs.STIME])) / procfs.TICKS_PER_SECOND
        return cpu, resident

    def stop(self) -> None:
        """End and reap every process, then remove the files."""
        for number, patience in ((signal.SIGTERM, _TERM_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
            for pid in self.alive:
                os.kill(pid, number)
            self._wait(patience)
        if self._is_prepared:  # else the folder is somebody else's
            shutil.rmtree(self._start.run_dir, ignore_errors=True)

    def left(self) -> list[int]:
        """Processes of this load that a scan of the process table still finds: should be none."""
        marked, _ = strays.marked(self._start.owner, _PROC)
        return [pid for pid in (int(str(row[0])) for row in marked) if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        """Others may carry the owner's mark rightly, e.g. its census: ours run a file of our folder."""
        try:
            return os.readlink(f"{_PROC}/{pid}/exe").startswith(self._start.run_dir + "/")
        except OSError:
            return False

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.alive and time.monotonic() < deadline:
            if not self.reap():
                select.select([], [], [], 0.005)


def _require_memory(children: tuple[Child, ...]) -> None:
    wanted = sum(child.behaviour.reserve_bytes for child in children)
    fields = dict(line.split(b":", 1) for line in procfs.read(f"{_PROC}/meminfo").splitlines())
    available = int(fields[b"MemAvailable"].split()[0]) * 1024
    if wanted > available * MAXIMUM_MEMORY_SHARE:
        raise protocol.RefusedError(
            "not_enough_memory",
            f"the load needs {wanted} bytes, more than {MAXIMUM_MEMORY_SHARE:.0%} of the {available} available",
        )


def _write(path: str, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o700)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)
