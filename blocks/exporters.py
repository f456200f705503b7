"""Backends: where the active pipeline sends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

from prefect.types import SecretDict
from pydantic import Field, model_validator

from blocks.saved import GUIDE, SavedSettings, as_value_error
from phoenix.domain.otlp import OtlpBackend, OtlpCompression, OtlpProtocol


@dataclass(frozen=True, slots=True)
class ExporterConfig:
    """An exporter as the collector takes it.

    Attributes:
        exporters: Name to configuration; a header's value is a reference to a variable.
        environment: The values of those variables.
    """

    exporters: Mapping[str, object]
    environment: Mapping[str, str] = field(repr=False)


class OtlpExporter(SavedSettings):
    """An OTLP backend and its credentials."""

    _block_type_name: ClassVar[str | None] = "OTLP Exporter"
    _block_type_slug: ClassVar[str | None] = "otlp-exporter"
    _description: ClassVar[str | None] = (
        f"An OTLP backend and its credentials, for `exporters: block:NAME` among a pipeline's parameters. {GUIDE}"
    )

    endpoint: str = Field(
        title="Endpoint",
        description="HTTP: a URL, to which /v1/metrics is appended. gRPC: host:port. Credentials belong into headers.",
        examples=["https://otlp.nr-data.net", "otlp.example.com:4317"],
    )
    # Not the domain's enums: the form would call the field as the enum is called.
    protocol: Literal["http", "grpc"] = Field(
        default="http", title="Protocol", description="What the backend takes at the endpoint."
    )
    headers: SecretDict = Field(
        default_factory=lambda: SecretDict({}),
        title="Headers",
        description='Name to value, as JSON, such as {"api-key": "..."}. The values are secrets.',
    )
    compression: Literal["gzip", "zstd", "snappy", "none"] = Field(
        default="gzip", title="Compression", description="Every backend takes gzip."
    )
    insecure: bool = Field(
        default=False,
        title="Without TLS",
        description="gRPC only; for HTTP the endpoint begins with http://.",
    )
    ca_file: str = Field(
        default="",
        title="CA file",
        description="A file of the monitored host with the authorities to trust, instead of the system's.",
        examples=["/etc/ssl/backend.pem"],
    )

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        with as_value_error():
            self.saved()
        return self

    def client(self) -> ExporterConfig:
        """The collector's exporter, and the variables that it needs; of a block that was saved or loaded.

        Raises:
            ValueError: It has no name yet, and the variables are called by that.
        """
        if self._block_document_name is None:
            raise ValueError("the block has no name yet: save it first")
        backend, name = self.saved(), self._block_document_name
        return ExporterConfig(backend.exporters(name), backend.variables(name))

    def saved(self) -> OtlpBackend:
        """What it says, as Phoenix reads it."""
        return OtlpBackend(
            endpoint=self.endpoint,
            protocol=OtlpProtocol(self.protocol),
            headers={name: str(value) for name, value in self.headers.get_secret_value().items()},
            compression=OtlpCompression(self.compression),
            insecure=self.insecure,
            ca_file=self.ca_file,
        )
