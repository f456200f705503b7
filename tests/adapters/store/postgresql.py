"""A private PostgreSQL cluster on a unix socket, for the contract suite."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


def why_missing() -> str | None:
    """What this machine lacks to run PostgreSQL; None if nothing."""
    if importlib.util.find_spec("psycopg") is None:
        return "no psycopg (PostgreSQL driver) in this environment"
    if _programs() is None:
        return "no PostgreSQL server programs (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and _server_user() is None:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return None


@contextmanager
def server() -> Generator[str]:
    """A fresh server; yields the URL of its database and ends it afterwards."""
    programs = _programs()
    assert programs is not None
    # Not under pytest's folder: the server's user may not enter that, and a socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="phoenix-pg-", dir="/tmp"))
    user = _server_user() if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        # Into a file: the server inherits the output, and a pipe would stay open as long as it runs.
        with (folder / "log").open("ab") as log:
            subprocess.run(
                [programs / program, *arguments],
                user=user,
                cwd=folder,
                stdout=log,
                stderr=log,
                check=True,
                timeout=30,
            )

    try:
        run(
            "initdb",
            "-D",
            str(data),
            "-U",
            "phoenix",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        )
        options = (
            f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c shared_buffers=8MB"
        )
        run("pg_ctl", "-D", str(data), "-w", "-o", options, "start")
        try:
            yield f"postgresql://phoenix@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    on_path = shutil.which("initdb")
    candidates = [*found, *([Path(on_path)] if on_path else [])]
    return candidates[0].parent if candidates else None


def _server_user() -> str | None:
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None
