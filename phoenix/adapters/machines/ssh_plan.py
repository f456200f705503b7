"""What the user's OpenSSH configuration says of a host: where, as whom, through whom, by which keys, known by whom."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import asyncssh

from phoenix.adapters.machines.ssh_trust import HostTrust
from phoenix.domain.errors import DependencyError
from phoenix.domain.logins import Lent, SshLogin

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
        keys: Files of private keys, where the configuration names some that do not exist, or the very key that was
            lent; else None.
        certificates: Likewise.
        tried: The key files that may be tried, for messages.
        agent: Socket of ssh-agent; "" for none.
        known_as: The name in the files of known hosts.
        key_kinds: Which host keys are taken, and in which order; "" where the configuration says it.
        config: Path of the configuration, which need not exist.
        lender: How messages call the block whose key is used; "" where it is the user's own.
    """

    endpoint: Endpoint
    host: str
    port: int
    user: str
    jumps: tuple[Endpoint, ...]
    keys: list[str] | list[asyncssh.SSHKey] | None
    certificates: list[str] | None
    tried: tuple[str, ...]
    agent: str
    trust: HostTrust
    known_as: str
    key_kinds: str
    config: Path
    lender: str = ""

    @property
    def has_lent_key(self) -> bool:
        return bool(self.keys) and not isinstance(self.keys[0], str)

    @property
    def config_files(self) -> list[str]:
        return _config_files(self.config)


def plan_log_in(endpoint: Endpoint, config: Path, lent: Lent | None = None) -> Plan:
    """Read the configuration, and who is known.

    Args:
        endpoint: Where.
        config: Path of the OpenSSH client configuration; it need not exist.
        lent: What a block lends for this host; its key is then the only one.

    Raises:
        DependencyError: One of them cannot be read, or makes no sense (code `ssh_config_invalid`, of what was lent
            `block_unusable`).
    """
    login = lent.login if lent else SshLogin()
    key = _imported(login, lent.block) if lent and login.private_key else None
    try:
        plan = _plan(endpoint, config, key)
    except (OSError, ValueError, asyncssh.Error) as error:
        raise DependencyError(
            f"{endpoint.label}: the SSH configuration cannot be used: {error}",
            code="ssh_config_invalid",
            hint=f"look into {config} and the files it names; another one is set by PHOENIX_SSH_CONFIG",
        ) from error
    if lent is None or not login:
        return plan
    tried = (f"the key of {lent.block}",) if key else plan.tried
    return replace(plan, lender=lent.block, trust=_trust(plan.trust.files, login, lent.block), tried=tried)


def _imported(login: SshLogin, block: str) -> asyncssh.SSHKey:
    """The key, in memory only."""
    try:
        return asyncssh.import_private_key(login.key_file(), login.passphrase or None)
    except (ValueError, asyncssh.Error) as error:
        raise _unusable(
            block, f"its private key cannot be opened: {error}"
        ) from None  # the text holds the key


def _trust(files: Sequence[Path], login: SshLogin, block: str) -> HostTrust:
    try:
        return HostTrust(files, login.known_hosts)
    except ValueError as error:
        raise _unusable(block, str(error)) from error


def _unusable(block: str, why: str) -> DependencyError:
    return DependencyError(
        f"{block} cannot be used: {why}",
        code="block_unusable",
        hint="mend the block on the Prefect server; a key with a passphrase needs that too",
    )


def _plan(endpoint: Endpoint, config: Path, lent_key: asyncssh.SSHKey | None) -> Plan:
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
    if named and not keys and not lent_key and said.get("IdentitiesOnly"):
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
        keys=[lent_key] if lent_key else None if keys == named else list(keys),
        certificates=_certificates(certificates) if lent_key is None else [],
        tried=keys if named else _existing(_KEY_FILES),
        agent="" if lent_key else _agent(said.get("IdentityAgent", "SSH_AUTH_SOCK")),
        trust=trust,
        known_as=known_as if found.port == _PORT else f"[{known_as}]:{found.port}",
        key_kinds="" if said.get("HostKeyAlgorithms") else _KEY_KINDS,
        config=config,
    )


def _certificates(named: tuple[str, ...]) -> list[str] | None:
    existing = _existing(named)
    return None if existing == named else list(existing)


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
