"""What the tests of blocks share: secrets that are nobody's, and where they may have leaked to."""

import secrets
from pathlib import Path

import pytest


@pytest.fixture
def header_value() -> str:
    """A credential of a backend; unlike anything else on this machine."""
    return f"key-{secrets.token_hex(16)}"


def files_holding(folder: Path, needles: list[bytes]) -> list[str]:
    """Files below a folder that hold one of the needles."""
    found: list[str] = []
    for path in folder.rglob("*"):
        try:
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        except OSError:
            continue  # it went away, or is none of ours
        if any(needle in content for needle in needles):
            found.append(str(path))
    return found


def processes_holding(needles: list[bytes]) -> dict[int, str]:
    """Processes whose command line or environment shows one of the needles: pid to command line."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            shown = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
        except OSError:
            continue
        if any(needle in shown for needle in needles):
            found[int(entry.name)] = shown.split(b"\0\0")[0].decode(errors="replace")
    return found
