"""An OTLP backend as a block holds it, and the collector's exporter that it becomes.

A header's value is a secret. The exporter refers to it by a variable, whose name says which block and which header it
is of, so that whoever starts the collector can ask for the value at that moment:

    block newrelic, header api-key  ->  ${env:BLOCK_NEWRELIC__API_KEY}
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from phoenix.domain.errors import SpecError
from phoenix.domain.rules.url_secrets import credential_in
from phoenix.domain.targets import BlockName

_PREFIX = "BLOCK_"
_VARIABLE = re.compile(rf"{_PREFIX}([A-Z0-9]+(?:_[A-Z0-9]+)*)__([A-Z0-9_]+)")
_UNFIT = re.compile(r"[^A-Z0-9]")
_HEADER = re.compile(r"[A-Za-z0-9!#%&'*+.^_`|~-]{1,128}")
_HTTP = re.compile(r"https?://[^\s/?#$]+\S*")
_GRPC = re.compile(r"(?:https?://)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_CODE = "invalid_exporter"


class OtlpProtocol(StrEnum):
    """How OTLP travels."""

    HTTP = "http"
    GRPC = "grpc"


class OtlpCompression(StrEnum):
    """How it is packed."""

    GZIP = "gzip"
    ZSTD = "zstd"
    SNAPPY = "snappy"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class OtlpBackend:
    """Where points are sent to.

    Attributes:
        endpoint: A URL for HTTP, `host:port` for gRPC; it holds no credential.
        protocol: Which of the two.
        headers: Name to value; the values are secrets.
        compression: How it is packed.
        insecure: gRPC without TLS; HTTP says it in the URL.
        ca_file: Of the host: authorities to trust instead of the system's; "" for those.
    """

    endpoint: str
    protocol: OtlpProtocol = OtlpProtocol.HTTP
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    compression: OtlpCompression = OtlpCompression.GZIP
    insecure: bool = False
    ca_file: str = ""

    def __post_init__(self) -> None:
        """No message repeats a value."""
        self._check_endpoint()
        variables: set[str] = set()
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(name) or not _suffix(name).strip("_"):
                raise _refused(f"{name[:40]!a} is no name of a header", "such as api-key")
            if not value or not value.isprintable():
                raise _refused(f"the value of the header {name} is not one line of text", "paste it anew")
            if _suffix(name) in variables:
                raise _refused(f"the header {name} is given twice", "keep one of them")
            variables.add(_suffix(name))
        if self.ca_file and not self.ca_file.startswith("/"):
            raise _refused("the file of authorities is no absolute path", "such as /etc/ssl/backend.pem")

    def _check_endpoint(self) -> None:
        if credential_in(self.endpoint):
            raise _refused("the endpoint contains credentials", "put them into a header")
        if self.protocol is OtlpProtocol.HTTP and not _HTTP.fullmatch(self.endpoint):
            raise _refused("the endpoint is no URL", "such as https://otlp.example.com")
        if self.protocol is OtlpProtocol.GRPC and not _GRPC.fullmatch(self.endpoint):
            raise _refused("the endpoint has no host and port", "such as otlp.example.com:4317")
        if self.insecure and self.protocol is OtlpProtocol.HTTP:
            raise _refused("insecure is for gRPC", "for HTTP without TLS the endpoint begins with http://")

    def exporters(self, block: str) -> dict[str, object]:
        """The collector's exporters, name to configuration; a header's value is a reference.

        Args:
            block: Name of the block that holds this.
        """
        config: dict[str, object] = {"endpoint": self.endpoint, "compression": self.compression.value}
        if self.headers:
            config["headers"] = {
                name: f"${{env:{variable_of(block, name)}}}" for name in sorted(self.headers)
            }
        tls: dict[str, object] = {"insecure": True} if self.insecure else {}
        if self.ca_file:
            tls["ca_file"] = self.ca_file
        return {f"otlp_{self.protocol}/{block}": {**config, **({"tls": tls} if tls else {})}}

    def variables(self, block: str) -> dict[str, str]:
        """The values that `exporters` refers to, by variable."""
        return {variable_of(block, name): value for name, value in self.headers.items()}


def variable_of(block: str, header: str) -> str:
    """The variable that carries the value of a block's header."""
    return f"{_PREFIX}{BlockName(block).name.replace('-', '_').upper()}__{_suffix(header)}"


def block_of(variable: str) -> str | None:
    """The block whose header a variable carries; None for any other variable."""
    found = _VARIABLE.fullmatch(variable)
    return found[1].replace("_", "-").lower() if found else None


def _suffix(header: str) -> str:
    return _UNFIT.sub("_", header.upper())


def _refused(why: str, hint: str) -> SpecError:
    return SpecError(why, code=_CODE, hint=hint)
