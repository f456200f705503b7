"""A machine that is reached over SSH."""

import os
import re
import select
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from signal import Signals

from phoenix.adapters.machines import scripts
from phoenix.adapters.machines.machine import SHORT, Facts, Finished, Pipe, Row
from phoenix.adapters.machines.process_table import MARK, parsed
from phoenix.adapters.machines.ssh_connection import SshConnection
from phoenix.domain.errors import DependencyError

_LOCK_SECONDS = 60
_PUT = timedelta(minutes=10)
_ENTRY = re.compile(rb"/proc/([0-9]+)/(stat|environ):(.*)", re.DOTALL)


class SshMachine:
    """A `Machine`.

    Args:
        name: For people.
        connection: Made on first use, and made again when it was lost.
    """

    def __init__(self, name: str, connection: SshConnection) -> None:
        self._name = name
        self._connection = connection
        self._facts: Facts | None = None
        self._asking = threading.Lock()

    def facts(self) -> Facts:
        with self._asking:
            if self._facts is None:
                self._facts = self._ask_facts()
            return self._facts

    def read(self, path: Path) -> str | None:
        data = self._read(scripts.READ, str(path))
        return None if data is None else data.decode(errors="replace")

    def read_tail(self, path: Path, limit: int) -> str:
        return (self._read(scripts.READ_TAIL, str(path), str(limit)) or b"").decode(errors="replace")

    def write(self, path: Path, text: str, mode: int = 0o600) -> None:
        data = text.encode()
        self._do(scripts.WRITE, str(path), f"{mode:o}", str(len(data)), stdin=data)

    def put(self, source: Path, path: Path, digest: str) -> None:
        with self.locked(path.parent):
            if self._connection.run(_script(scripts.HAS, str(path), digest), timeout=SHORT).status == 0:
                return
            done = self._connection.send(source, _script(scripts.PUT, str(path), digest), timeout=_PUT)
            self._demand(done)

    def link(self, path: Path, target: str) -> None:
        self._do(scripts.LINK, str(path), target)

    def link_target(self, path: Path) -> str | None:
        data = self._read(scripts.LINK_TARGET, str(path))
        return None if data is None else data.decode(errors="replace").removesuffix("\n")

    def make_folder(self, folder: Path, mode: int = 0o700) -> None:
        self._do(scripts.MAKE_FOLDER, str(folder), f"{0o777 & ~mode:o}")

    def names(self, folder: Path) -> tuple[str, ...]:
        return self._lines(scripts.NAMES, folder)

    def folders(self, folder: Path) -> tuple[str, ...]:
        return self._lines(scripts.FOLDERS, folder)

    def exists(self, path: Path) -> bool:
        return self._read(scripts.EXISTS, str(path)) is not None

    def remove(self, *paths: Path) -> None:
        if paths:
            self._do(scripts.REMOVE, *map(str, paths))

    @contextmanager
    def locked(self, folder: Path) -> Generator[None]:
        pipe = self._connection.open(_script(scripts.LOCK, str(folder), str(_LOCK_SECONDS)), {})
        try:
            readable, _, _ = select.select([pipe.stdout], [], [], _LOCK_SECONDS + SHORT.total_seconds())
            if not readable or os.read(pipe.stdout, len(scripts.LOCKED)) != scripts.LOCKED:
                raise self._unlocked(folder, pipe)
            yield
        finally:
            pipe.end_input()
            pipe.close()

    def run(self, argv: Sequence[str], timeout: timedelta = SHORT, stdin: bytes = b"") -> Finished:
        return self._connection.run(argv, timeout=timeout, stdin=stdin)

    def open(self, argv: Sequence[str], environ: Mapping[str, str]) -> Pipe:
        return self._connection.open(argv, environ)

    def boot_id(self) -> str:
        return (self.read(Path("/proc/sys/kernel/random/boot_id")) or "").strip()

    def row(self, pid: int) -> Row | None:
        found = parsed(pid, self.read(Path(f"/proc/{pid}/stat")) or "") if pid else None
        return found[0] if found else None

    def processes(self) -> tuple[Row, ...]:
        return rows_in(self._do(scripts.PROCESSES))

    def deliver(self, one: Row, number: Signals) -> None:
        self._do(scripts.DELIVER, str(one.pid), str(one.started), str(int(number)))

    def reach(self, port: int) -> int:
        return self._connection.forward(port)

    def leave(self, port: int) -> None:
        self._connection.unforward(port)

    def _ask_facts(self) -> Facts:
        lines = self._do(scripts.FACTS, scripts.NEEDED).decode(errors="replace").splitlines()
        architecture, user, home, systemd, python, *missing = lines
        if missing:
            raise DependencyError(
                f"{self._name} lacks {', '.join(missing)}",
                code="missing_program",
                hint="install coreutils, findutils, grep and util-linux there",
            )
        is_root = user == "0"
        return Facts(architecture, is_root, is_root and systemd == "yes", python, home)

    def _lines(self, script: str, folder: Path) -> tuple[str, ...]:
        return tuple(sorted((self._read(script, str(folder)) or b"").decode(errors="replace").splitlines()))

    def _read(self, script: str, *arguments: str) -> bytes | None:
        """None for what is not there."""
        done = self._connection.run(_script(script, *arguments), timeout=SHORT, repeatable=True)
        return None if done.status == scripts.MISSING else self._demand(done)

    def _do(self, script: str, *arguments: str, stdin: bytes = b"") -> bytes:
        """What may be done twice, which all verbs on files may."""
        return self._demand(
            self._connection.run(_script(script, *arguments), timeout=SHORT, stdin=stdin, repeatable=True)
        )

    def _demand(self, done: Finished) -> bytes:
        if done.status:
            words = done.err.decode(errors="replace").strip().splitlines()
            raise DependencyError(
                f"{self._name} does not do it: {words[0] if words else f'status {done.status}'}",
                code="host_failed",
                hint="look for a full disk, missing rights, or too many processes",
            )
        return done.out

    def _unlocked(self, folder: Path, pipe: Pipe) -> DependencyError:
        pipe.wait(SHORT)
        why = (
            f"somebody holds it for {_LOCK_SECONDS} s"
            if pipe.status() == scripts.LOCK_TAKEN
            else pipe.last_words()
        )
        return DependencyError(
            f"the lock of {folder} on {self._name} cannot be taken: {why or 'the connection ended'}",
            code="host_failed",
            hint="look for a full disk or missing rights",
        )


def rows_in(output: bytes) -> tuple[Row, ...]:
    """The processes in what `scripts.PROCESSES` prints: NUL-terminated `FILE:CONTENT`, for a name may hold anything."""
    found: dict[int, Row] = {}
    marks: dict[int, dict[str, str]] = {}
    for entry in output.split(b"\0"):
        match = _ENTRY.match(entry)
        if match is None:
            continue
        pid, kind, content = int(match[1]), match[2], os.fsdecode(match[3])
        if kind == b"environ":
            name, _, value = content.partition("=")
            if name.startswith(MARK):
                marks.setdefault(pid, {})[name] = value
        elif (row := parsed(pid, content)) and not row[1]:
            found[pid] = row[0]
    return tuple(
        Row(one.pid, one.started, one.session, one.name, marks.get(one.pid, {})) for one in found.values()
    )


def _script(script: str, *arguments: str) -> list[str]:
    return ["sh", "-c", script, "sh", *arguments]
