"""Packs `phoenix.agent` into one executable zip file that any Python >= 3.9 runs.

The bytes depend on the sources only, so a host that already has the file of a digest has the right agent.
"""

import hashlib
import os
import tempfile
import zipfile
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from pathlib import Path

_SHEBANG = b"#!/usr/bin/env python3\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say
_MODE = 0o100644 << 16
_MAIN = b"import sys\n\nfrom phoenix.agent.main import main\n\nsys.exit(main(sys.argv[1:]))\n"


def build() -> bytes:
    """The agent as a zip application; equal sources give equal bytes."""
    members = {"__main__.py": _MAIN, "phoenix/__init__.py": b""}
    members |= {f"phoenix/agent/{name}": content for name, content in _sources(files("phoenix.agent"))}
    buffer = BytesIO(_SHEBANG)
    buffer.seek(len(_SHEBANG))
    # Stored, not deflated: what zlib makes of a text differs between its versions.
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = _MODE
            info.create_system = 3
            archive.writestr(info, members[name])
    return buffer.getvalue()


def digest(content: bytes) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def file_name(content: bytes) -> str:
    """What the agent is called on a host: its name says its content."""
    return f"agent-{digest(content)[:12]}.pyz"


def write_to(folder: Path) -> Path:
    """Put the agent into `folder` (created if need be), whole or not at all; the same file again changes nothing."""
    content = build()
    target = folder / file_name(content)
    if target.is_file() and target.read_bytes() == content:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".agent-")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o755)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def _sources(folder: Traversable) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.name.endswith(".py"):
            found.append((entry.name, entry.read_bytes()))
        elif entry.joinpath("__init__.py").is_file():
            found += [(f"{entry.name}/{name}", content) for name, content in _sources(entry)]
    return found
