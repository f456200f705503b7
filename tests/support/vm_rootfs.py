"""The root file system of the tests' own hosts: built once from apt's own mirror, then kept in the cache."""

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "python3",  # python3-minimal lacks json and shutil, which the agent imports
    "iproute2",
    "procps",
    "sudo",
)
RECIPE = Path(__file__).with_name("vm_rootfs.sh")


class Unavailable(RuntimeError):
    """Hosts of the tests' own cannot be had on this machine; the message says why."""


@dataclass(frozen=True)
class AptSource:
    """Where apt gets a suite from."""

    mirror: str
    suite: str
    keyring: str = ""
    is_trusted: bool = False

    def debootstrap_options(self) -> list[str]:
        if self.is_trusted:
            return ["--no-check-gpg"]
        return [f"--keyring={self.keyring}"] if self.keyring else []


def cache_folder() -> Path:
    """Where what takes long is kept between sessions, outside the checkout."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "phoenix-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Generator[None]:
    """One at a time, over all sessions of this user; the kernel lets go when the holder dies."""
    with (cache_folder() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def rootfs() -> Path:
    """The folder of the root file system; the first caller builds it, which takes a minute.

    Raises:
        Unavailable: apt has no source for this machine's suite, or the build failed.
    """
    suite = _suite()
    key = "\n".join([suite, os.uname().machine, *PACKAGES, RECIPE.read_text()])
    folder = cache_folder() / f"rootfs-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    with locked(folder.name):
        if not folder.exists():
            _build(folder, apt_source(Path("/etc/apt"), suite))
    return folder


def apt_source(apt: Path, suite: str) -> AptSource:
    """The first source of a suite's packages in apt's own lists, one-line or deb822."""
    lists = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for path in lists:
        if not path.is_file():
            continue
        read = _deb822 if path.suffix == ".sources" else _one_line
        for source in read(path.read_text()):
            if source.suite == suite:
                return source
    raise Unavailable(f"apt knows no source of the suite {suite!r}")


def _suite() -> str:
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    suite = release.get("VERSION_CODENAME", "").strip('"')
    if not suite:
        raise Unavailable("/etc/os-release names no suite: not a Debian or one of its kin")
    return suite


def _one_line(text: str) -> Iterator[AptSource]:
    for line in text.splitlines():
        head, bracket, rest = line.partition("#")[0].partition("[")
        options, _, tail = rest.partition("]") if bracket else ("", "", "")
        words = (head + tail).split()
        if len(words) >= 4 and words[0] == "deb" and "main" in words[3:]:
            given = dict(option.split("=", 1) for option in options.split() if "=" in option)
            yield _source(words[1], words[2], given.get("signed-by", ""), given.get("trusted", ""))


def _deb822(text: str) -> Iterator[AptSource]:
    for paragraph in text.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')}\n{line.strip()}"
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        listed = {key: fields.get(key, "").split() for key in ("types", "uris", "suites", "components")}
        if (
            fields.get("enabled", "yes") == "no"
            or "deb" not in listed["types"]
            or "main" not in listed["components"]
        ):
            continue
        for mirror in listed["uris"]:
            for suite in listed["suites"]:
                yield _source(mirror, suite, fields.get("signed-by", ""), fields.get("trusted", ""))


def _source(mirror: str, suite: str, keyring: str, trusted: str) -> AptSource:
    is_path = keyring.startswith("/") and Path(keyring).is_file()
    return AptSource(mirror, suite, keyring if is_path else "", trusted == "yes")


def why_no_build() -> str:
    """Why this machine cannot build a root file system; empty when it can."""
    return "" if shutil.which("debootstrap") else "debootstrap is not installed"


def _build(folder: Path, source: AptSource) -> None:
    """Builds aside and renames: whoever sees the folder sees all of it."""
    if reason := why_no_build():
        raise Unavailable(reason)
    for leftover in folder.parent.glob(f"{folder.name}.building*"):
        shutil.rmtree(leftover)
    aside = folder.with_name(f"{folder.name}.building")
    log = folder.with_name(f"{folder.name}.log")
    recipe = ["sh", str(RECIPE), str(aside), source.suite, source.mirror, ",".join(PACKAGES)]
    command = [*own_namespaces(), *recipe, *source.debootstrap_options()]
    with log.open("w") as output:
        done = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False
        )
    if done.returncode:
        tail = "\n".join(log.read_text().splitlines()[-10:])
        raise Unavailable(f"the root file system cannot be built ({shlex.join(recipe[:2])}):\n{tail}")
    aside.rename(folder)
    log.unlink()


def own_namespaces() -> list[str]:
    """How a command is started in namespaces of its own: it and all it starts die with the calling thread.

    Mounts that it makes are seen by nobody else and go with it.
    """
    own = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    return ["setpriv", "--pdeathsig", "KILL", *own]
