"""The collector binary of this machine: the one that PHOENIX_COLLECTOR names, or the one built from our sources.

A binary whose bytes differ from those recorded when it was built is refused, never repaired in silence.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from phoenix.adapters.collector import build as collector_build
from phoenix.adapters.collector.sources import digest, find_sources
from phoenix.domain.errors import DependencyError, SpecError, StateError

EXPLICIT = "PHOENIX_COLLECTOR"
EXPLICIT_SHA256 = "PHOENIX_COLLECTOR_SHA256"


@dataclass(frozen=True, slots=True)
class CollectorBinary:
    """A collector that was found and checked.

    Attributes:
        path: Absolute path of the executable file.
        sha256: Digest of its content, as hex.
        version: What `--version` says, e.g. "0.1.0"; None if it does not say.
    """

    path: Path
    sha256: str
    version: str | None


class CollectorInstaller:
    """Finds, builds and checks the collector binary.

    Args:
        cache_dir: Folder of the builds, below the user's cache folder.
        environ: The environment; PHOENIX_COLLECTOR, PHOENIX_COLLECTOR_SHA256 and PATH are read, and a build inherits it.
        sources: Folder of the Go sources; None for those of this installation.
    """

    def __init__(self, cache_dir: Path, environ: Mapping[str, str], sources: Path | None = None) -> None:
        self._cache_dir = cache_dir
        self._environ = environ
        self._sources = sources

    def install(
        self, progress: Callable[[str], None] = lambda _: None, *, rebuild: bool = False
    ) -> CollectorBinary:
        """Return the binary, building it first where there is none.

        Args:
            progress: Told, in lines a person understands, what happens.
            rebuild: Build anew even if there is one.

        Raises:
            SpecError: If PHOENIX_COLLECTOR names no executable file.
            DependencyError: If the build fails, or the binary is not the recorded one.
        """
        found = None if rebuild and not self._environ.get(EXPLICIT) else self.find()
        if found:
            return found
        sources, home = self._sources_and_home()
        asked = home.stat().st_mtime_ns if home.exists() else None
        with collector_build.lock(home, progress):
            # Another process may have built it while this one waited for the lock.
            if not home.exists() or (rebuild and home.stat().st_mtime_ns == asked):
                collector_build.build(sources, home, self._environ, progress)
        return self._cached(home, trust_memo=False)

    def find(self) -> CollectorBinary | None:
        """Return the binary if there is one, without building.

        Raises:
            SpecError: If PHOENIX_COLLECTOR names no executable file.
            DependencyError: If the binary is not the recorded one.
        """
        return self._find(trust_memo=True)

    def installed(self) -> CollectorBinary:
        """Return the binary, without building.

        Raises:
            SpecError: If PHOENIX_COLLECTOR names no executable file.
            StateError: If no binary is installed.
            DependencyError: If the binary is not the recorded one.
        """
        return _required(self.find())

    def verify(self) -> CollectorBinary:
        """Recompute the binary's digest and return it.

        Raises:
            SpecError: If PHOENIX_COLLECTOR names no executable file.
            StateError: If no binary is installed.
            DependencyError: If the binary is not the recorded one.
        """
        return _required(self._find(trust_memo=False))

    def _find(self, *, trust_memo: bool) -> CollectorBinary | None:
        if explicit := self._environ.get(EXPLICIT):
            return self._explicit(Path(explicit), trust_memo=trust_memo)
        _, home = self._sources_and_home()
        return self._cached(home, trust_memo=trust_memo) if home.exists() else None

    def _sources_and_home(self) -> tuple[Path, Path]:
        sources = self._sources or find_sources()
        return sources, self._cache_dir / digest(sources)

    def _explicit(self, path: Path, *, trust_memo: bool) -> CollectorBinary:
        if not path.is_file() or not os.access(path, os.X_OK):
            fault = "is not executable" if path.is_file() else "is not a file"
            raise SpecError(
                f"{EXPLICIT} names {path}, which {fault}.",
                code="collector_path",
                hint=f"Set {EXPLICIT} to an executable collector, or unset it to use the one that Phoenix builds.",
            )
        return self._checked(path.absolute(), self._environ.get(EXPLICIT_SHA256), trust_memo=trust_memo)

    def _cached(self, home: Path, *, trust_memo: bool) -> CollectorBinary:
        path = home / collector_build.BINARY
        try:
            recorded = (home / collector_build.CHECKSUM).read_text(encoding="utf-8").split()[0]
            return self._checked(path, recorded, trust_memo=trust_memo)
        except (OSError, IndexError) as error:
            raise DependencyError(
                f"The installed collector is not whole: {error}",
                code="collector_changed",
                hint="Run `phoenix collector install --force` to build it anew.",
            ) from error

    def _checked(self, path: Path, recorded: str | None, *, trust_memo: bool) -> CollectorBinary:
        """Compare the file with its record; a memo by inode, size and times saves hashing 50 MB at each call."""
        stat = path.stat()
        state = [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        memo_path = self._cache_dir / "checked" / f"{sha256(os.fsencode(path)).hexdigest()[:32]}.json"
        memo = _read_memo(memo_path) if trust_memo else {}
        if memo.get("state") != state:
            memo = {"state": state, "sha256": collector_build.file_sha256(path), "version": ""}
        actual = str(memo["sha256"])
        if recorded and actual != recorded.lower():
            raise DependencyError(
                f"{path} is not the binary that was recorded: its sha256 is {actual}, not {recorded}.",
                code="collector_changed",
                hint=f"Run `phoenix collector install --force`, or mend {EXPLICIT_SHA256} if you set it.",
            )
        # Only a binary that passed is run, be it to ask for its version.
        version = str(memo["version"]) or _version(path)
        _write_memo(memo_path, {**memo, "version": version})
        return CollectorBinary(path, actual, version or None)


def _required(found: CollectorBinary | None) -> CollectorBinary:
    if found is None:
        raise StateError(
            "The collector is not installed.",
            code="collector_not_installed",
            hint="Run `phoenix collector install`.",
        )
    return found


def _read_memo(path: Path) -> dict[str, object]:
    with suppress(OSError, ValueError):
        memo = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(memo, dict) and {"state", "sha256", "version"} <= memo.keys():
            return memo
    return {}


def _write_memo(path: Path, memo: Mapping[str, object]) -> None:
    # A cache that cannot be written costs a hash at the next call, no more.
    with suppress(OSError):
        if _read_memo(path) == memo:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(memo), encoding="utf-8")
        partial.replace(path)


def _version(path: Path) -> str:
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
        if found := re.search(r"version v?(\S+)", done.stdout):
            return found.group(1)
    return ""
