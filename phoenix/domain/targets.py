"""Targets as people write them: `local`, `local://NAME`, `ssh://[user@]host[:port]`, a saved name, or `block:NAME`.

Nothing is looked up here. What is not plainly well formed is refused before anything starts: a name may become part
of a path, of an argument or of an OpenSSH configuration's expansions, so its alphabet is small. A target cannot be
made with anything else, by whichever way it is made.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from phoenix.domain.errors import SpecError

LONGEST_HOST = 253
"""Octets of a domain name (RFC 1035 section 2.3.4)."""

_LONGEST_TEXT = 512
_SHOWN = 60

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,31}")
# A dot stands between two letters, digits or underscores: no `..`, none at the end.
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9_]))*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_LABEL_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?=[a-z0-9])){0,252}")

_BLOCK = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_BLOCK = 64
_BLOCK_HINT = f"lower-case letters, digits, and single dashes between them, at most {_LONGEST_BLOCK}"

BLOCK_PREFIX = "block:"
"""What stands before the name of a block on a Prefect server."""

_SUPPORTED = (
    "local, local://NAME, ssh://[USER@]HOST[:PORT][?sudo=true], the name of a saved target, or block:NAME"
)


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """This machine.

    Attributes:
        name: Tells several hosts on this machine apart, each with slots and a lease of its own; "" for `local`.
    """

    name: str = ""

    def __post_init__(self) -> None:
        if self.name and not _NAME.fullmatch(self.name):
            raise _refused(f"local://{self.name}", "its name is not well formed", hint=_NAME_HINT)

    @property
    def canonical(self) -> str:
        return f"local://{self.name}" if self.name else "local"


@dataclass(frozen=True, slots=True)
class SshTarget:
    """A host that is reached over SSH.

    Attributes:
        host: DNS name, address (IPv6 without brackets) or an alias of the OpenSSH configuration, as it was written.
        port: None where the OpenSSH configuration says it, else 22.
        user: None where the OpenSSH configuration says it, else who we are.
        sudo: Commands run as root by `sudo -n`.
    """

    host: str
    port: int | None = None
    user: str | None = None
    sudo: bool = False

    def __post_init__(self) -> None:
        if (why := _host_fault(self.host)) is not None:
            raise _refused(f"ssh://{self.host}", why)
        if self.port is not None and not 1 <= self.port <= 65535:
            raise _refused(f"port {self.port}", "a port is a number from 1 to 65535")
        if self.user is not None and not _USER.fullmatch(self.user):
            raise _refused(
                f"user {self.user}",
                "a user is at most 32 letters, digits, dots, underscores and hyphens, no hyphen or dot first",
            )

    @property
    def canonical(self) -> str:
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"ssh://{user}{host}{port}{'?sudo=true' if self.sudo else ''}"


@dataclass(frozen=True, slots=True)
class TargetName:
    """A reference to a saved target, which says what it is."""

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name == "local":
            raise _refused(self.name, "it is neither a URI nor a name")

    @property
    def canonical(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class BlockName:
    """A reference to a block on a Prefect server, which holds the URI and the secrets.

    Prefect itself lets more be a name; what is said here can stand in a variable's name without being mistaken.
    """

    name: str

    def __post_init__(self) -> None:
        if not _BLOCK.fullmatch(self.name) or len(self.name) > _LONGEST_BLOCK:
            raise _refused(self.canonical, "its block's name is not well formed", hint=_BLOCK_HINT)

    @property
    def canonical(self) -> str:
        return f"{BLOCK_PREFIX}{self.name}"


Target = LocalTarget | SshTarget | TargetName | BlockName


@dataclass(frozen=True, slots=True)
class Selector:
    """Which labels a target must carry, each with that very value."""

    wanted: tuple[tuple[str, str], ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(key) == value for key, value in self.wanted)

    @property
    def canonical(self) -> str:
        return ",".join(f"{key}={value}" for key, value in self.wanted)


_LABEL_HINT = "key=value: letters, digits, dot, underscore and hyphen, at most 63 of them each"
_NAME_HINT = "letters, digits, dot, underscore and hyphen, at most 64 of them, a letter or digit first"


def parse_target(text: str) -> Target:
    """What `text` names. The canonical form of the result parses to the same target.

    Raises:
        SpecError: It is not plainly well formed, or of a kind that is not supported (code `unknown_target`).
    """
    if len(text) > _LONGEST_TEXT:
        raise _refused(f"{text.partition(':')[0]}...", f"it is {len(text)} characters long")
    scheme, has_scheme, rest = text.partition("://")
    if text.startswith(BLOCK_PREFIX):
        return BlockName(text.removeprefix(BLOCK_PREFIX))
    if has_scheme and scheme == "k8s":
        raise _refused(text, "clusters are not supported yet")
    if not has_scheme:
        return LocalTarget() if text == "local" else TargetName(text)
    match scheme:
        case "local" if rest:
            return LocalTarget(rest)
        case "local":
            raise _refused(text, "its name is missing", hint=_NAME_HINT)
        case "ssh":
            return _ssh_target(text, rest)
        case _:
            # Without the rest, where a password may stand.
            raise _refused(f"{scheme}://", "it is of no known kind")


def parse_host(text: str) -> LocalTarget | SshTarget:
    """The host that `text` is the URI of; a name is none, for what it stands for may change.

    Raises:
        SpecError: It is a name, or no target at all (code `unknown_target`).
    """
    target = parse_target(text)
    if isinstance(target, TargetName | BlockName):
        raise SpecError(
            f"{target.canonical} is a name, where a URI is needed",
            code="unknown_target",
            hint="give the URI: local, local://NAME or ssh://[USER@]HOST[:PORT][?sudo=true]",
        )
    return target


def check_name(text: str, what: str = "name") -> str:
    """`text`, if a deployment may be named so.

    Args:
        text: The name.
        what: What is named, for the message.

    Raises:
        SpecError: It may not (code `invalid_name`).
    """
    if not _NAME.fullmatch(text):
        raise SpecError(f"{_shown(text)} cannot be a {what}", code="invalid_name", hint=_NAME_HINT)
    return text


def check_target_name(text: str) -> str:
    """`text`, if a target may be saved under it.

    Raises:
        SpecError: It may not: not well formed, or it names this machine already (code `invalid_name`).
    """
    if check_name(text, "target's name") == "local":
        raise SpecError("local always names this machine", code="invalid_name", hint="choose another name")
    return text


def parse_labels(*texts: str) -> dict[str, str]:
    """The labels of `key=value[,key=value]...`, of all texts together, in their order.

    Keys and values as in Kubernetes: a value may be empty, a key may have a DNS prefix (`example.com/role`).

    Raises:
        SpecError: A label is not well formed, or a key comes twice (code `invalid_label`).
    """
    return _pairs(texts, "invalid_label")


def check_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """`labels`, if a target may carry them; see `parse_labels`.

    Raises:
        SpecError: One is not well formed (code `invalid_label`).
    """
    found = {**labels}
    for key, value in found.items():
        if parse_labels(f"{key}={value}") != {
            key: value
        }:  # a comma or a = that would be read as another label
            raise SpecError(f"{_shown(f'{key}={value}')} is no label", code="invalid_label", hint=_LABEL_HINT)
    return found


def parse_selector(text: str) -> Selector:
    """The selector `key=value[,key=value]...`: every one of these labels is wanted.

    Raises:
        SpecError: It is not well formed, or a key comes twice (code `invalid_selector`).
    """
    return Selector(tuple(sorted(_pairs((text,), "invalid_selector").items())))


def _ssh_target(text: str, rest: str) -> SshTarget:
    rest, has_query, query = rest.partition("?")
    user, has_user, place = rest.rpartition("@")
    if ":" in user:
        raise _refused(
            rest.partition(":")[0],
            "a password does not belong in a target",
            hint="log in with a key, a certificate or ssh-agent: see docs/ssh.md",
        )
    sudo = {"sudo=true": True, "sudo=false": False, "": None if has_query else False}.get(query)
    if sudo is None:
        raise _refused(text, "of a query only sudo=true is known")
    host, port = _split_place(text, place)
    return SshTarget(host, port, user if has_user else None, sudo)


def _split_place(text: str, place: str) -> tuple[str, int | None]:
    if place.startswith("["):
        host, closed, port = place[1:].partition("]")
        if not closed or (port and not port.startswith(":")) or ":" not in host:
            raise _refused(text, "brackets hold an IPv6 address, then comes :PORT or nothing")
        host, has_port, port = _compressed(text, host), port[:1], port[1:]
    else:
        host, has_port, port = place.partition(":")
    if has_port and not _PORT.fullmatch(port):
        raise _refused(text, "its port is not a number from 1 to 65535")
    return host, int(port) if has_port else None


def _compressed(text: str, host: str) -> str:
    try:
        return str(IPv6Address(host)) if "%" not in host else ""
    except ValueError as error:
        raise _refused(text, "what the brackets hold is no IPv6 address") from error


def _host_fault(host: str) -> str | None:
    """Why `host` cannot be a host; None if it can."""
    if ":" in host:
        return None if _is_compressed(host) else "its address is not well formed"
    if len(host) > LONGEST_HOST:
        return f"its host is longer than {LONGEST_HOST} characters"
    if not _HOST.fullmatch(host):
        return "its host is not well formed"
    # The C library reads 127.1, 0x7f000001 and 2130706433 as addresses; people do not.
    if all(_NUMERIC_LABEL.fullmatch(label) for label in host.split(".")):
        try:
            IPv4Address(host)
        except ValueError:
            return "its address is not well formed"
    return None


def _is_compressed(host: str) -> bool:
    try:
        return "%" not in host and str(IPv6Address(host)) == host
    except ValueError:
        return False


def _pairs(texts: tuple[str, ...], code: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in (pair for text in texts for pair in text.split(",")):
        key, has_value, value = pair.partition("=")
        prefix, has_prefix, name = key.rpartition("/")
        if (
            not (has_value and _LABEL_WORD.fullmatch(name))
            or (has_prefix and not _LABEL_PREFIX.fullmatch(prefix))
            or (value and not _LABEL_WORD.fullmatch(value))
        ):
            raise SpecError(
                f"{_shown(pair)} is no label",
                code=code,
                hint=_LABEL_HINT,
            )
        if key in found:
            raise SpecError(f"the label {key} is given twice", code=code, hint="keep one of them")
        found[key] = value
    return found


def _refused(text: str, why: str, *, hint: str = "") -> SpecError:
    return SpecError(
        f"{_shown(text)} names no target: {why}",
        code="unknown_target",
        hint=hint or f"supported now: {_SUPPORTED}",
    )


def _shown(text: str) -> str:
    """In printable ASCII and cut, whatever was written."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
