"""Compile the collector into a folder of the cache: whole or not at all.

    CACHE/DIGEST/otelcol-phoenix           the binary
    CACHE/DIGEST/otelcol-phoenix.sha256    its digest, as `sha256sum -c` reads it
    CACHE/DIGEST.lock                      held while one builds; others wait for its result
    CACHE/go/                              Go's own caches: modules and compiled packages

The folder appears by one rename, after its files are on disk.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

from phoenix.adapters.collector.go_toolchain import find_go, go_root
from phoenix.adapters.collector.sources import (
    BUILD_FLAGS,
    DISTRIBUTION,
    copy_sources,
    host_platform,
    required_go,
)
from phoenix.adapters.collector.watched import run_watched
from phoenix.domain.errors import DependencyError

BINARY = "otelcol-phoenix"
CHECKSUM = f"{BINARY}.sha256"

BUILD_DEADLINE_SECONDS = 1800.0
"""Ten times a cold build on two idle cores: a loaded laptop on a slow line still gets through."""


def build(
    sources: Path,
    home: Path,
    environ: Mapping[str, str],
    progress: Callable[[str], None],
    deadline_seconds: float = BUILD_DEADLINE_SECONDS,
) -> None:
    """Compile the sources and put binary and checksum at `home`, replacing what is there. Call it under `lock`.

    Args:
        sources: Folder of the Go sources.
        home: The folder to make, below the cache.
        environ: Environment of the build; its GOMODCACHE and GOCACHE are used where set.
        progress: Told, in words, what happens.
        deadline_seconds: For each of the two long steps, download and compilation.

    Raises:
        DependencyError: If there is no Go, or a step fails; the last lines of its output are in the error.
    """
    cache_dir = home.parent
    # Under the lock no other build of this digest lives: what is there was left by one that was killed.
    for leftover in cache_dir.glob(f"build-{home.name[:12]}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    go = find_go(required_go(sources), cache_dir, environ, progress)
    env = build_environment(go, cache_dir, environ)
    with tempfile.TemporaryDirectory(
        prefix=f"build-{home.name[:12]}-", dir=cache_dir, ignore_cleanup_errors=True
    ) as folder:
        work, result = Path(folder, "src"), Path(folder, "result")
        result.mkdir()
        copy_sources(sources, work)
        _compile(work / DISTRIBUTION, result / BINARY, env, progress, deadline_seconds)
        _seal(result)
        shutil.rmtree(home, ignore_errors=True)
        result.rename(home)
        _sync(cache_dir)


def build_environment(go: Path, cache_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the build: the caller's, less what would change the bytes or write elsewhere."""
    goos, goarch = host_platform()
    caches = cache_dir / "go"
    fixed = {
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOOS": goos,
        "GOARCH": goarch,
        # modcacherw: Go's module cache is read-only by default, and `rm -r` of the cache would fail.
        "GOFLAGS": "-mod=readonly -modcacherw",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOENV": "off",
        "GOPATH": str(caches / "path"),
        "GOMODCACHE": environ.get("GOMODCACHE") or str(caches / "modules"),
        "GOCACHE": environ.get("GOCACHE") or str(caches / "compiled"),
        # A GOROOT of another Go would give this one the wrong standard library.
        "GOROOT": str(go_root(go, environ)),
    }
    return {**environ, **fixed}


@contextlib.contextmanager
def lock(
    home: Path, progress: Callable[[str], None], deadline_seconds: float = BUILD_DEADLINE_SECONDS
) -> Generator[None]:
    """Hold the build lock of one digest; wait, and say so, while another process holds it.

    Raises:
        DependencyError: If the other one is not done by the deadline.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    said = -30.0
    # The file is never removed: removing it would let two processes hold locks of two files of one name.
    with Path(f"{home}.lock").open("w", encoding="utf-8") as handle:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            waited = time.monotonic() - started
            if waited > deadline_seconds:
                raise DependencyError(
                    f"Another process has been building the collector for {waited:.0f} s.",
                    code="collector_build_busy",
                    hint=f"See what holds {home}.lock, end it, and try again.",
                )
            if waited - said >= 30:
                said = waited
                progress(f"another process builds the collector, waiting for it: {waited:.0f} s")
            time.sleep(0.25)
        yield


def _compile(
    module: Path,
    output: Path,
    env: Mapping[str, str],
    progress: Callable[[str], None],
    deadline_seconds: float,
) -> None:
    go = str(Path(env["GOROOT"], "bin", "go"))
    # `list -deps` fetches what the build reads; `mod download` would fetch cloud SDKs that nothing imports.
    steps = (
        ("downloading modules", "downloading modules (about 200 MB, once)", ["list", "-deps", "."]),
        (
            "compiling",
            "compiling (2 to 4 min on 2 cores the first time, seconds after an edit)",
            ["build", *BUILD_FLAGS, "-o", str(output), "."],
        ),
    )
    for what, announcement, arguments in steps:
        progress(announcement)
        try:
            run_watched(
                [go, *arguments],
                cwd=module,
                environ=env,
                what=what,
                progress=progress,
                deadline_seconds=deadline_seconds,
            )
        except DependencyError as error:
            raise DependencyError(
                f"The collector could not be built. {error.message}",
                code="collector_build_failed",
                hint="Mend what the last lines say and run `phoenix collector install` again.",
                details=error.details,
            ) from error


def _seal(result: Path) -> None:
    """Write the checksum beside the binary and bring both to disk."""
    binary = result / BINARY
    binary.chmod(0o755)
    (result / CHECKSUM).write_text(f"{file_sha256(binary)}  {BINARY}\n", encoding="utf-8")
    for path in (binary, result / CHECKSUM, result):
        _sync(path)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's content, as hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
