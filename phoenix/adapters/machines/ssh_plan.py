"""What the user's OpenSSH configuration says of a host: where, as whom, through whom, by which keys, known by whom."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import asyncssh

from phoenix.adapters.machines.ssh_trust import HostTrust
from phoenix.domain.errors import DependencyError

_PORT = 22
_USER_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL_FILES = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_KEY_FILES = tuple(
    f"~/.ssh/id_{kind}" for kind in ("ed25519_sk", "ecdsa_sk", "ed448", "ed25519", "ecdsa", "rsa")
)
_KEY_KINDS = "+ssh-ed25519,ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-*,rsa-sha2-*"
"""Those that are known, then the others: so a host that shows another kind than the known one is a changed host, as
OpenSSH has it, and not one that closes the connection."""

_HOP = re.compile(
    r"(?:ssh://)?(?:(?P<user>.+)@)?(?:\[(?P<address>[^]]+)\]|(?P<host>[^:]+))(?::(?P<port>[0-9]+))?/?"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to log in, before the OpenSSH configuration has its say.

    Attributes:
        label: How messages call it.
    """

    host: str
    port: int | None
    user: str | None
    label: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to log in, after it.

    Attributes:
        host: What is connected to.
        jumps: Through whom, the nearest first.
        keys: Files of private keys, where the configuration names some that do not exist; else None.
        certificates: Likewise.
        tried: The key files that may be tried, for messages.
        agent: Socket of ssh-agent; "" for none.
        known_as: The name in the files of known hosts.
        key_kinds: Which host keys are taken, and in which order; "" where the configuration says it.
        config: Path of the configuration, which need not exist.
    """

    endpoint: Endpoint
    host: str
    port: int
    user: str
    jumps: tuple[Endpoint, ...]
    keys: list[str] | None
    certificates: list[str] | None
    tried: tuple[str, ...]
    agent: str
    trust: HostTrust
    known_as: str
    key_kinds: str
    config: Path

    @property
    def config_files(self) -> list[str]:
        return _config_files(self.config)


def plan_log_in(endpoint: Endpoint, config: Path) -> Plan:
    """Read the configuration, and who is known.

    Raises:
        DependencyError: One of them cannot be read, or makes no sense (code `ssh_config_invalid`).
    """
    try:
        return _plan(endpoint, config)
    except (OSError, ValueError, asyncssh.Error) as error:
        raise DependencyError(
            f"{endpoint.label}: the SSH configuration cannot be used: {error}",
            code="ssh_config_invalid",
            hint=f"look into {config} and the files it names; another one is set by PHOENIX_SSH_CONFIG",
        ) from error


def _plan(endpoint: Endpoint, config: Path) -> Plan:
    # Without keys: here only what is written counts, and a key that does not exist would stop it.
    found = asyncssh.SSHClientConnectionOptions(
        config=_config_files(config),
        host=endpoint.host,
        port=endpoint.port or (),
        username=endpoint.user or (),
        client_keys=None,
        x509_trusted_certs=None,
    )
    said = found.config
    named = _strings(said.get("IdentityFile"))
    keys = _existing(named)
    if named and not keys and said.get("IdentitiesOnly"):
        raise ValueError(f"it allows only the keys {', '.join(named)}, and none of them exists")
    certificates = _strings(said.get("CertificateFile"))
    trust = HostTrust(
        [
            Path(file).expanduser()
            for option, files in (
                ("UserKnownHostsFile", _USER_FILES),
                ("GlobalKnownHostsFile", _GLOBAL_FILES),
            )
            for file in _strings(said.get(option, files))
        ]
    )
    known_as = (found.host_key_alias or found.host).lower()
    return Plan(
        endpoint=endpoint,
        host=found.host,
        port=found.port,
        user=found.username,
        jumps=_hops(endpoint, found.tunnel),
        # Lists: an empty tuple would send asyncssh back to the configuration.
        keys=None if keys == named else list(keys),
        certificates=None if _existing(certificates) == certificates else list(_existing(certificates)),
        tried=keys if named else _existing(_KEY_FILES),
        agent=_agent(said.get("IdentityAgent", "SSH_AUTH_SOCK")),
        trust=trust,
        known_as=known_as if found.port == _PORT else f"[{known_as}]:{found.port}",
        key_kinds="" if said.get("HostKeyAlgorithms") else _KEY_KINDS,
        config=config,
    )


def _hops(endpoint: Endpoint, jump: object) -> tuple[Endpoint, ...]:
    if not jump:
        return ()
    hops: list[Endpoint] = []
    for text in str(jump).split(","):
        match = _HOP.fullmatch(text.strip())
        if not match:
            raise ValueError(f"ProxyJump {text} is no host")
        host = match["address"] or match["host"]
        port = int(match["port"]) if match["port"] else None
        hops.append(Endpoint(host, port, match["user"], f"the jump host {text.strip()} of {endpoint.label}"))
    return tuple(hops)


def _agent(socket: object) -> str:
    """The path that IdentityAgent means (ssh_config(5)): a path, `none`, `SSH_AUTH_SOCK`, or `$VARIABLE`."""
    if socket is None:
        return ""
    path = str(socket)
    if path == "SSH_AUTH_SOCK" or path.startswith("$"):
        return os.environ.get(path.removeprefix("$"), "")
    return path


def _config_files(config: Path) -> list[str]:
    path = config.expanduser()
    return [str(path)] if path.exists() else []


def _strings(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in cast("Iterable[object]", value)) if value else ()


def _existing(files: Iterable[str]) -> tuple[str, ...]:
    return tuple(file for file in files if Path(file).expanduser().exists())
