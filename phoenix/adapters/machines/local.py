"""This machine."""

import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from pathlib import Path
from signal import Signals

from phoenix.adapters.machines import durable, process_table
from phoenix.adapters.machines.machine import BOOT_ID, SHORT, Facts, Finished, Row, Text
from phoenix.domain.errors import DependencyError

_TAIL_BYTES = 4096
_SIGNALLED = 128
_NOT_FOUND, _NOT_RUNNABLE = 127, 126
"""As a shell would say it."""


class LocalMachine:
    """A `Machine`: the one we run on.

    Args:
        python: What runs the agent.
    """

    def __init__(self, python: str) -> None:
        self._python = python

    def facts(self) -> Facts:
        # A pipeline of this machine lives in a folder of its user, where a unit of the system's could not read it.
        is_root = os.geteuid() == 0
        return Facts(
            os.uname().machine, is_root, has_systemd=False, python=self._python, home=str(Path.home())
        )

    def now(self) -> float:
        return time.time()

    def read(self, path: Path) -> str | None:
        return durable.read(path)

    def read_all(self, *paths: Path) -> tuple[str | None, ...]:
        return tuple(durable.read(path) for path in paths)

    def read_each(self, folder: Path, name: str) -> Mapping[str, str | None]:
        (names,) = self.names(folder)
        return {one: durable.read(folder / one / name) for one in names if (folder / one).is_dir()}

    def read_tail(self, path: Path, limit: int) -> str:
        return durable.read_tail(path, limit)

    def write(self, path: Path, text: str, mode: int = 0o600) -> None:
        durable.write(path, text, mode)

    def change(self, texts: Sequence[Text], gone: Sequence[Path] = ()) -> None:
        for one in texts:
            durable.make_folder(one.path.parent, one.folder_mode)
            durable.write(one.path, one.text, one.mode)
        self.remove(*gone)

    def put(self, source: Path, path: Path, digest: str) -> None:
        """See `Machine.put`; not needed here, where a program stays where it is."""
        raise NotImplementedError(f"{source} is on this machine; {path} ({digest}) would be a copy")

    def forget(self, folder: Path, minutes: int, kept: Collection[str]) -> None:
        """See `Machine.forget`; nothing was brought here."""

    def link(self, path: Path, target: str) -> None:
        durable.link(path, target)

    def link_target(self, path: Path) -> str | None:
        with suppress(FileNotFoundError):
            return str(path.readlink())
        return None

    def make_folder(self, folder: Path, mode: int = 0o700) -> None:
        durable.make_folder(folder, mode)

    def names(self, *folders: Path) -> tuple[tuple[str, ...], ...]:
        return tuple(_names(folder) for folder in folders)

    def exists(self, path: Path) -> bool:
        return os.path.lexists(path)

    def remove(self, *paths: Path) -> None:
        for path in paths:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        for folder in {path.parent for path in paths}:
            with suppress(FileNotFoundError):
                durable.flush_folder(folder)

    def locked(self, folder: Path) -> AbstractContextManager[None]:
        return durable.locked(folder)

    def run(
        self,
        argv: Sequence[str],
        timeout: timedelta = SHORT,
        stdin: bytes = b"",
        *,
        repeatable: bool = False,  # noqa: ARG002 - whose end is always heard of
    ) -> Finished:
        try:
            done = subprocess.run(
                list(argv),
                env=plain_environ(),
                input=stdin,
                capture_output=True,
                cwd="/",
                check=False,
                timeout=timeout.total_seconds(),
            )
        except FileNotFoundError as error:
            return Finished(_NOT_FOUND, b"", str(error).encode())
        except PermissionError as error:
            return Finished(_NOT_RUNNABLE, b"", str(error).encode())
        except subprocess.TimeoutExpired as error:
            raise DependencyError(
                f"{argv[0]} does not end within {timeout.total_seconds():g} s", code="host_timeout"
            ) from error
        return Finished(done.returncode, done.stdout, done.stderr)

    def open(self, argv: Sequence[str], environ: Mapping[str, str]) -> "LocalPipe":
        return LocalPipe(argv, {**plain_environ(), **environ})

    def boot_id(self) -> str:
        return BOOT_ID.read_text("ascii").strip()

    def row(self, pid: int) -> Row | None:
        return process_table.row(pid)

    def processes(self) -> tuple[Row, ...]:
        return tuple(process_table.rows())

    def deliver(self, one: Row, number: Signals) -> None:
        process_table.deliver(one, number)

    def reach(self, port: int) -> int:
        return port

    def leave(self, port: int) -> None:
        """See `Machine.leave`."""


class LocalPipe:
    """A `Pipe` to a child process."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str]) -> None:
        # Without a name, so that nothing of it is left whatever happens to us.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the pipe
        self._process = subprocess.Popen(
            list(argv),
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd="/",
            bufsize=0,
            # Ctrl-C on our terminal is ours to handle: the agent must still take the last census.
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - they are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        os.set_blocking(self.stdin, False)

    @property
    def stdin(self) -> int:
        return self._stdin.fileno()

    @property
    def stdout(self) -> int:
        return self._stdout.fileno()

    def status(self) -> int | None:
        """See `Pipe.status`; it is not reaped here, so that its pid can name no session but its own."""
        code = self._process.returncode
        if code is not None:
            return code if code >= 0 else _SIGNALLED - code
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else _SIGNALLED + ended.si_status

    def last_words(self) -> str:
        size = os.fstat(self._errors.fileno()).st_size
        data = os.pread(self._errors.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        return data.decode(errors="replace").strip()

    def wait(self, timeout: timedelta) -> bool:
        if self._process.returncode is None:
            handle = os.pidfd_open(self._process.pid)
            select.select([handle], [], [], timeout.total_seconds())
            os.close(handle)
        return self.status() is not None

    def end_input(self) -> None:
        self._stdin.close()

    def close(self) -> None:
        self._stdin.close()
        deadline = time.monotonic() + 1
        while self._process.poll() is None and time.monotonic() < deadline:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, Signals.SIGKILL)
            self.wait(timedelta(milliseconds=50))
        self._stdout.close()
        self._errors.close()


def plain_environ() -> dict[str, str]:
    """Nothing of ours but the path: no secret, no setting of ours changes what a program does."""
    return {"PATH": os.environ.get("PATH", os.defpath)}


def _names(folder: Path) -> tuple[str, ...]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return tuple(sorted(one.name for one in folder.iterdir()))
    return ()
