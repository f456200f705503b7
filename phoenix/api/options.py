"""What a person asked the server for."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from phoenix.domain.errors import SpecError

DEFAULT_PORT = 8080
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the API listens and whom it trusts.

    Attributes:
        host: The address it listens on.
        port: 0 for any free one.
        needs_sign_in: Without it whoever reaches it is an admin; on loopback only.
        public_url: Where people reach it, if that is not where it listens: behind a proxy that speaks TLS.
        names: Further names in the Host header that are ours.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    needs_sign_in: bool = True
    public_url: str | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.needs_sign_in and not is_loopback(self.host):
            raise SpecError(
                f"Without sign-in the server may only listen on loopback, not on {self.host}.",
                code="open_to_others",
                hint="leave out --no-sign-in, or listen on 127.0.0.1",
            )
        if self.public_url is not None and urlsplit(self.public_url).scheme not in ("http", "https"):
            raise SpecError(f"{self.public_url!r} is no URL of a server.", hint="https://phoenix.example")

    @property
    def is_secure(self) -> bool:
        """Whether people reach it by TLS, so that cookies may be for TLS only."""
        return self.public_url is not None and urlsplit(self.public_url).scheme == "https"

    def host_names(self) -> frozenset[str]:
        """Names by which it may be addressed; another name leads here by DNS rebinding, or by a wrong proxy."""
        found = {*LOOPBACK_NAMES, *self.names}
        if not is_loopback(self.host):
            found |= {self.host, socket.gethostname(), socket.getfqdn()}
        if self.public_url is not None:
            found.add(urlsplit(self.public_url).hostname or "")
        return frozenset(name.lower() for name in found if name)

    def origins(self, host_header: str) -> frozenset[str]:
        """Where pages of ours come from, for a request that was addressed to this Host."""
        own = {f"http://{host_header}"}
        if self.public_url is not None:
            parts = urlsplit(self.public_url)
            own.add(f"{parts.scheme}://{parts.netloc}")
        return frozenset(origin.lower() for origin in own)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
