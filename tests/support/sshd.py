"""Real SSH servers on loopback ports: each with its own keys and configuration in a folder, ended by the test."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from phoenix.adapters.free_ports import free_ports
from tests.support.leftovers import is_listening
from tests.support.waiting import eventually

USER = getpass.getuser()


def needs_openssh() -> None:
    """Skip where there is no OpenSSH."""
    for program in ("sshd", "ssh-keygen", "ssh-agent", "ssh-add", "timeout"):
        if not _program(program):
            pytest.skip(f"{program} is missing: install openssh-server, openssh-client and coreutils")


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair; the path of its private half."""
    _run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", f"{path.name}@test", "-f", str(path))
    return path


def sign(authority: Path, key: Path, *options: str) -> Path:
    """A certificate for `key` by `authority`, beside it."""
    _run("ssh-keygen", "-q", "-s", str(authority), *options, str(key.with_name(key.name + ".pub")))
    return key.with_name(key.name + "-cert.pub")


def public(key: Path) -> str:
    """Kind and key, as the files of OpenSSH hold them."""
    return " ".join(key.with_name(key.name + ".pub").read_text().split()[:2])


@dataclass
class Sshd:
    """A server that lets the holder of `key` in.

    Attributes:
        folder: All of its files.
        options: Further lines of its configuration.
        kind: Of its host key.
        environ: Variables that every session gets.
    """

    folder: Path
    options: tuple[str, ...] = ()
    kind: str = "ed25519"
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.host_key = make_key(self.folder / "host_key", self.kind)
        self.key = make_key(self.folder / "user_key")
        (self.folder / "authorized_keys").write_text(public(self.key) + "\n")

    def start(self) -> "Sshd":
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        config = self.folder / "sshd_config"
        lines = [
            f"ListenAddress 127.0.0.1:{self.port}",
            f"HostKey {self.host_key}",
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            "PidFile none",
            "PermitRootLogin prohibit-password",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            # The start-up files of whoever runs the tests are none of theirs.
            " ".join(["SetEnv", f"HOME={self.folder}", *(f"{k}={v}" for k, v in self.environ.items())]),
            *self.options,
        ]
        config.write_text("\n".join(lines) + "\n")
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [_program("sshd"), "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=log
            )
        eventually(lambda: is_listening(self.port), what=f"sshd on {self.port}: {self.log()}")
        return self

    def stop(self) -> None:
        """End it and every session."""
        if self.process:
            family = [*self._sessions(), psutil.Process(self.process.pid)]
            _kill(family)
            self.process.wait()
            self.process = None

    def drop_sessions(self) -> None:
        """Kill the server's side of every connection, and nothing else."""
        sessions = [one for one in self._sessions() if one.name() == "sshd"]
        assert sessions
        _kill(sessions)

    def freeze_sessions(self) -> None:
        """Let the server's side of every connection fall silent, as a network does that lost its way."""
        for one in self._sessions():
            one.suspend()

    def log(self) -> str:
        return (self.folder / "sshd.log").read_text(errors="replace")

    def known(self, name: str = "127.0.0.1") -> str:
        """Its line in a file of known hosts."""
        return f"[{name}]:{self.port} {public(self.host_key)}\n"

    def _sessions(self) -> list[psutil.Process]:
        assert self.process
        return psutil.Process(self.process.pid).children(recursive=True)


@dataclass
class Client:
    """An OpenSSH client's folder: a configuration and known hosts of its own, and no other key."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "config"
        self.known_hosts = self.folder / "known_hosts"

    def knows(self, *lines: str) -> "Client":
        self.known_hosts.write_text("".join(lines))
        return self

    def configure(self, name: str, server: Sshd, *options: str, key: Path | None = None) -> "Client":
        """Add a host of the configuration that leads to `server`."""
        lines = [
            f"Host {name}",
            "HostName 127.0.0.1",
            f"Port {server.port}",
            f"User {USER}",
            "IdentityAgent none",
            f"IdentityFile {key or server.key}",
            f"UserKnownHostsFile {self.known_hosts}",
            "GlobalKnownHostsFile none",
        ]
        # The first value wins.
        lines[1:1] = options
        with self.config.open("a") as file:
            file.write("\n  ".join(lines) + "\n")
        return self


@dataclass
class Agent:
    """An ssh-agent with one key."""

    socket: Path

    def start(self, key: Path) -> "Agent":
        self.process = subprocess.Popen(
            ["ssh-agent", "-D", "-a", str(self.socket)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually(self.socket.exists, what="ssh-agent's socket")
        _run("ssh-add", "-q", str(key), env={**os.environ, "SSH_AUTH_SOCK": str(self.socket)})
        return self

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def _kill(family: list[psutil.Process]) -> None:
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    eventually(lambda: not any(_runs(one) for one in family), what="the end of what was killed")


def _runs(one: psutil.Process) -> bool:
    """A zombie does not; whoever inherits it may be slow to bury it."""
    try:
        return one.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin") or ""


def _run(*argv: str, env: dict[str, str] | None = None) -> None:
    subprocess.run(argv, check=True, capture_output=True, stdin=subprocess.DEVNULL, env=env, timeout=60)
