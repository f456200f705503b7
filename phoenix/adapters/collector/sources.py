"""Where the collector's Go sources are, what identifies them, and how to copy them to a build folder."""

import hashlib
import importlib.resources
import platform
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from phoenix.domain.errors import DependencyError

DISTRIBUTION = "distribution"
"""The folder, below the sources, of the generated main package that becomes the binary."""

BUILD_FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w")
"""No machine paths, no state of a checkout, no debug tables: same sources and Go give the same bytes."""

_ARCHITECTURES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "ppc64le": "ppc64le",
}


def find_sources() -> Path:
    """Return the folder of the Go sources: `collector/` of a checkout, or the one that the wheel carries.

    Raises:
        DependencyError: If this installation has none.
    """
    try:
        folder = Path(str(importlib.resources.files("collector").joinpath("manifest.yaml"))).parent
    except ModuleNotFoundError:
        folder = Path()
    if not (folder / DISTRIBUTION / "go.mod").is_file():
        raise DependencyError(
            "The collector's Go sources are not part of this installation.",
            code="collector_sources_missing",
            hint="Set PHOENIX_COLLECTOR to a collector binary, or install Phoenix from a checkout or its wheel.",
        )
    return folder


def host_platform() -> tuple[str, str]:
    """Return GOOS and GOARCH of this machine, as Go names them."""
    machine = platform.machine().lower()
    return platform.system().lower(), _ARCHITECTURES.get(machine, machine)


def source_files(sources: Path) -> Iterator[Path]:
    """Yield, in a fixed order, each file that decides what the binary is; tests and prose do not."""
    yield sources / "manifest.yaml"
    for folder in (DISTRIBUTION, "processors"):
        for path in sorted((sources / folder).rglob("*")):
            is_module_file = path.name in {"go.mod", "go.sum"}
            is_code = path.suffix == ".go" and not path.name.endswith("_test.go")
            if path.is_file() and (is_module_file or is_code):
                yield path


def digest(sources: Path) -> str:
    """Return the sha256, as hex, of the sources, the platform and the build flags."""
    total = hashlib.sha256("\0".join((*host_platform(), *BUILD_FLAGS)).encode())
    for path in source_files(sources):
        content = path.read_bytes()
        total.update(f"\0{path.relative_to(sources).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def copy_sources(sources: Path, destination: Path) -> None:
    """Copy what `source_files` names, so that a build never writes into a checkout or an installation."""
    for path in source_files(sources):
        target = destination / path.relative_to(sources)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def required_go(sources: Path) -> tuple[int, ...]:
    """Return the Go version that the distribution's go.mod asks for, e.g. (1, 25, 7)."""
    text = (sources / DISTRIBUTION / "go.mod").read_text(encoding="utf-8")
    line = re.search(r"^go (\d+(?:\.\d+)*)", text, re.MULTILINE)
    return parse_version(line.group(1)) if line else (1,)


def parse_version(text: str) -> tuple[int, ...]:
    """Return the numbers of a dotted version: (1, 26, 8) for "1.26.8"."""
    return tuple(int(part) for part in text.split("."))
