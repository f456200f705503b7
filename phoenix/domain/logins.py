"""How a host is logged in to by what a block holds: secrets that show in no text, and what kept them away."""

import re
from dataclasses import dataclass, field

from phoenix.domain.errors import SpecError

_LONGEST = 64 * 1024
_PRIVATE_KEY = re.compile(
    r"\s*(?P<begin>-----BEGIN (?P<kind>[A-Z0-9 ]*)PRIVATE KEY-----)(?P<body>.+)"
    r"(?P<end>-----END (?P=kind)PRIVATE KEY-----)\s*",
    re.DOTALL,
)
_LINE = 70
"""Characters of a line, as ssh-keygen breaks them."""

_NO_LOGIN_CODE = "invalid_login"


@dataclass(frozen=True, slots=True)
class SshLogin:
    """What logs in to a host over SSH; where something is empty, the OpenSSH configuration says it.

    Attributes:
        private_key: Text of a private key, as OpenSSH or PEM has it.
        passphrase: Of the key; "" if it has none.
        known_hosts: Lines of a file of known hosts, beside those that ssh knows.
    """

    private_key: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    known_hosts: str = ""

    def __post_init__(self) -> None:
        """No message repeats anything of what it is about."""
        if self.private_key and not self._is_private_key():
            raise SpecError(
                "the private key is none: it does not go from -----BEGIN ... PRIVATE KEY----- to its END line",
                code=_NO_LOGIN_CODE,
                hint="paste the whole file of the private key, with its line ends; not the .pub file",
            )
        if self.passphrase and not self.private_key:
            raise SpecError(
                "a passphrase is there, and no private key that it would open",
                code=_NO_LOGIN_CODE,
                hint="add the private key, or take the passphrase away",
            )
        if len(self.known_hosts) > _LONGEST or "\0" in self.known_hosts:
            raise SpecError(
                "the known hosts are no lines of text",
                code=_NO_LOGIN_CODE,
                hint="paste the lines of this host that `ssh-keyscan` prints, once they are verified",
            )

    def _is_private_key(self) -> bool:
        return len(self.private_key) <= _LONGEST and bool(_PRIVATE_KEY.fullmatch(self.private_key))

    def key_file(self) -> str:
        """The key as its file has it: a form that takes it as one line loses the line breaks."""
        found = _PRIVATE_KEY.fullmatch(self.private_key)
        if found is None or "\n" in found["body"]:
            return self.private_key
        body = "".join(found["body"].split())
        lines = [body[at : at + _LINE] for at in range(0, len(body), _LINE)]
        return "\n".join([found["begin"], *lines, found["end"], ""])

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.private_key or self.known_hosts)


@dataclass(frozen=True, slots=True)
class Lent:
    """What a block lends for one connection.

    Attributes:
        block: How people name it, `block:NAME`.
        login: Empty where the block could not be read, or says nothing.
        why_not: Why it could not be read; "" if it was.
    """

    block: str
    login: SshLogin
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class TargetBlock:
    """A block that says where a host is.

    Attributes:
        uri: The host's canonical target.
        login: Empty for a host of this machine.
    """

    uri: str
    login: SshLogin = field(default_factory=SshLogin)
