"""The keys by which a host is known: read as OpenSSH reads them, compared by asyncssh, remembered for the message.

Nothing here can make a host trusted that asyncssh does not trust: the callbacks always say no.
"""

from collections.abc import Sequence
from pathlib import Path

import asyncssh

Keys = tuple[list[asyncssh.SSHKey], list[asyncssh.SSHKey], list[asyncssh.SSHKey]]

_REVOKED = "@revoked"


class HostTrust(asyncssh.SSHClient):
    """What is known of a host, and what it showed.

    Args:
        files: Known hosts, in the format of OpenSSH; those that do not exist are left out.
        lines: Known hosts beside them; each must be readable.

    Attributes:
        files: The same.
        known: What the files hold for this host: keys and authorities, neither if it is unknown.
        shown: The key that the host showed and nobody vouches for; of a certificate its authority's.
        has_answered: Whether the host took the connection.
    """

    def __init__(self, files: Sequence[Path], lines: str = "") -> None:
        self.files = tuple(files)
        self.known: tuple[asyncssh.SSHKey, ...] = ()
        self.shown: asyncssh.SSHKey | None = None
        self.has_answered = False
        self._hosts = _read(self.files)
        for number, line in enumerate(lines.splitlines(), 1):
            try:
                self._hosts.load(line)
            except ValueError as error:
                raise ValueError(f"line {number} of the known hosts: {error}") from error

    def lookup(self, host: str, _address: str, port: int | None) -> Keys:
        """Trusted keys, trusted authorities and revoked keys of `host`.

        The address is left aside, as OpenSSH does it: through a jump host it would be the jump host's, whose key
        would then do for every host behind it.
        """
        keys, authorities, revoked, *_ = self._hosts.match(host.lower(), "", port)
        self.known = (*keys, *authorities)
        return list(keys), list(authorities), list(revoked)

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:  # noqa: ARG002 - asyncssh's signature
        self.has_answered = True

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Asked only about a key that is not known."""
        self.shown = key
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Asked only about an authority that is not known."""
        self.shown = key
        return False


def fingerprint(key: asyncssh.SSHKey) -> str:
    """As ssh-keygen prints it: `ED25519 SHA256:...`."""
    algorithm = key.get_algorithm()
    kind = "ECDSA" if algorithm.startswith("ecdsa") else algorithm.removeprefix("ssh-").upper()
    return f"{kind} {key.get_fingerprint()}"


def _read(files: Sequence[Path]) -> asyncssh.SSHKnownHosts:
    hosts = asyncssh.SSHKnownHosts()
    for file in files:
        try:
            text = file.read_text(errors="replace")
        except FileNotFoundError:
            continue
        for line in text.splitlines():
            try:
                hosts.load(line)
            except ValueError as error:
                # A line that cannot be read can vouch for nobody; but it must not hide a revocation.
                if line.lstrip().startswith(_REVOKED):
                    raise ValueError(f"{file}: {error}") from error
    return hosts
