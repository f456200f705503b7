"""A machine that is reached over SSH."""

import os
import re
import select
import threading
import time
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from signal import Signals

from phoenix.adapters.machines import scripts
from phoenix.adapters.machines.machine import BOOT_ID, SHORT, Facts, Finished, Pipe, Row, Text
from phoenix.adapters.machines.process_table import MARK, parsed
from phoenix.adapters.machines.ssh_connection import SshConnection
from phoenix.domain.errors import DependencyError

LOCK_LIFETIME = timedelta(minutes=2)
"""A lock is held for milliseconds. Longer than a lost connection is noticed by us, and than what is done under it takes."""

_LOCK_PATIENCE = timedelta(minutes=1)
_PUT = timedelta(minutes=10)
_ENTRY = re.compile(rb"/proc/([0-9]+)/(stat|environ):(.*)", re.DOTALL)
_LOCKED = re.compile(rb"locked ([0-9]+) ([0-9.]+)\n")


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
        self._ahead = 0.0
        self._asking = threading.Lock()
        self._held = threading.local()

    def facts(self) -> Facts:
        with self._asking:
            if self._facts is None:
                self._facts = self._ask_facts()
            return self._facts

    def now(self) -> float:
        """See `Machine.now`; asked with the last lock, since when both clocks ran alike."""
        self.facts()
        return _elapsed() + self._ahead

    def read(self, path: Path) -> str | None:
        return self.read_all(path)[0]

    def read_all(self, *paths: Path) -> tuple[str | None, ...]:
        if not paths:
            return ()
        return tuple(map(_text, _parts(self._do(scripts.READ_ALL, *map(str, paths)))))

    def read_each(self, folder: Path, name: str) -> Mapping[str, str | None]:
        parts = _parts(self._do(scripts.READ_EACH, str(folder), name))
        return dict(zip(map(os.fsdecode, parts[::2]), map(_text, parts[1::2]), strict=True))

    def read_tail(self, path: Path, limit: int) -> str:
        return self._do(scripts.READ_TAIL, str(path), str(limit)).decode(errors="replace")

    def write(self, path: Path, text: str, mode: int = 0o600) -> None:
        self.change([Text(path, text, mode)])

    def change(self, texts: Sequence[Text], gone: Sequence[Path] = ()) -> None:
        if not texts and not gone:
            return
        data = [one.text.encode() for one in texts]
        words = [
            word
            for one, content in zip(texts, data, strict=True)
            for word in (str(one.path), _mask(one.mode), _mask(one.folder_mode), str(len(content)))
        ]
        self._alter(scripts.CHANGE, str(len(texts)), *words, *map(str, gone), stdin=b"".join(data))

    def put(self, source: Path, path: Path, digest: str) -> None:
        with self._locked(path.parent, _PUT + LOCK_LIFETIME):
            if self._connection.run(_script(scripts.HAS, str(path), digest), timeout=SHORT).status == 0:
                return
            script = _script(scripts.PUT, self._lock, str(path), digest)
            self._demand(self._connection.send(source, script, timeout=_PUT))

    def forget(self, folder: Path, minutes: int, kept: Collection[str]) -> None:
        self._do(scripts.FORGET, str(folder), str(minutes), *kept)

    def link(self, path: Path, target: str) -> None:
        self._alter(scripts.LINK, str(path), target)

    def link_target(self, path: Path) -> str | None:
        data = self._read(scripts.LINK_TARGET, str(path))
        return None if data is None else data.decode(errors="replace").removesuffix("\n")

    def make_folder(self, folder: Path, mode: int = 0o700) -> None:
        self._do(scripts.MAKE_FOLDER, str(folder), _mask(mode))

    def names(self, *folders: Path) -> tuple[tuple[str, ...], ...]:
        found = _parts(self._do(scripts.NAMES, *map(str, folders)))
        return tuple(tuple(sorted(part.decode(errors="replace").splitlines())) for part in found)

    def exists(self, path: Path) -> bool:
        return self._read(scripts.EXISTS, str(path)) is not None

    def remove(self, *paths: Path) -> None:
        self.change([], paths)

    def locked(self, folder: Path) -> AbstractContextManager[None]:
        return self._locked(folder, LOCK_LIFETIME)

    def run(
        self,
        argv: Sequence[str],
        timeout: timedelta = SHORT,
        stdin: bytes = b"",
        *,
        repeatable: bool = False,
    ) -> Finished:
        return self._connection.run(argv, timeout=timeout, stdin=stdin, repeatable=repeatable)

    def open(self, argv: Sequence[str], environ: Mapping[str, str]) -> Pipe:
        return self._connection.open(argv, environ)

    def boot_id(self) -> str:
        return (self.read(BOOT_ID) or "").strip()

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

    @property
    def _lock(self) -> str:
        """The process on the machine that holds this thread's lock; "" if it has none."""
        return getattr(self._held, "pid", "")

    @contextmanager
    def _locked(self, folder: Path, lifetime: timedelta) -> Generator[None]:
        words = [str(folder), *(f"{one.total_seconds():g}" for one in (_LOCK_PATIENCE, lifetime))]
        pipe = self._connection.open(_script(scripts.LOCK, *words), {})
        before = self._lock
        try:
            self._held.pid = self._granted(folder, pipe)
            yield
        finally:
            self._held.pid = before
            pipe.end_input()
            pipe.close()

    def _granted(self, folder: Path, pipe: Pipe) -> str:
        said = b""
        deadline = time.monotonic() + (_LOCK_PATIENCE + SHORT).total_seconds()
        while not said.endswith(b"\n"):
            readable, _, _ = select.select([pipe.stdout], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(pipe.stdout, 100) if readable else b""
            if not data:
                raise self._unlocked(folder, self._why_not(pipe))
            said += data
        found = _LOCKED.fullmatch(said)
        if found is None:
            raise self._unlocked(folder, f"it says {said!a}")
        self._ahead = float(found[2]) - _elapsed()
        return found[1].decode()

    def _why_not(self, pipe: Pipe) -> str:
        pipe.wait(SHORT)
        if pipe.status() == scripts.LOCK_TAKEN:
            return f"somebody holds it for {_LOCK_PATIENCE.total_seconds():g} s"
        return pipe.last_words() or "the connection ended"

    def _unlocked(self, folder: Path, why: str) -> DependencyError:
        return DependencyError(
            f"the lock of {folder} on {self._name} cannot be taken: {why}",
            code="host_failed",
            hint=f"try again in {LOCK_LIFETIME.total_seconds() / 60:g} minutes: the lock of a lost connection is free by then",
        )

    def _ask_facts(self) -> Facts:
        began = _elapsed()
        lines = self._do(scripts.FACTS, scripts.NEEDED).decode(errors="replace").splitlines()
        architecture, user, home, systemd, python, now, *missing = lines
        if missing:
            raise DependencyError(
                f"{self._name} lacks {', '.join(missing)}",
                code="missing_program",
                hint="install coreutils, findutils, grep and util-linux there",
            )
        self._ahead = self._seconds(now) - (began + _elapsed()) / 2
        is_root = user == "0"
        return Facts(architecture, is_root, is_root and systemd == "yes", python, home)

    def _seconds(self, date: str) -> float:
        try:
            return float(date)
        except ValueError as error:
            raise DependencyError(
                f"the date of {self._name} cannot be read: {date!a}",
                code="missing_program",
                hint="install coreutils there",
            ) from error

    def _alter(self, script: str, *arguments: str, stdin: bytes = b"") -> None:
        """What changes files: under the lock that this thread holds, if it holds one."""
        self._do(script, self._lock, *arguments, stdin=stdin)

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


def _parts(output: bytes) -> list[bytes]:
    """NUL-terminated."""
    return output.split(b"\0")[:-1]


def _text(part: bytes) -> str | None:
    """A file as `scripts.READ_ALL` prints it."""
    return part[:-1].decode(errors="replace") if part.endswith(b"1") else None


def _mask(mode: int) -> str:
    """As `umask` takes it."""
    return f"{0o777 & ~mode:o}"


def _elapsed() -> float:
    """Seconds of a clock that nobody sets and that sleep does not stop."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _script(script: str, *arguments: str) -> list[str]:
    return ["sh", "-c", script, "sh", *arguments]
