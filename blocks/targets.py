"""Hosts: where they are, and what logs in there."""

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from blocks.saved import GUIDE, SavedSettings, as_value_error
from phoenix.domain import targets
from phoenix.domain.errors import SpecError
from phoenix.domain.logins import SshLogin, TargetBlock

if TYPE_CHECKING:
    from phoenix.adapters.machines.machine import Machine


class LocalTarget(SavedSettings):
    """A host on the machine that runs the experiment: the worker's."""

    _block_type_name: ClassVar[str | None] = "Local Target"
    _block_type_slug: ClassVar[str | None] = "local-target"
    _description: ClassVar[str | None] = (
        f"A host on the worker's own machine, for `targets: [block:NAME]` in an experiment. {GUIDE}"
    )

    uri: str = Field(
        default="local",
        title="URI",
        description="local, or local://NAME for a host of its own on that machine.",
        examples=["local://lab"],
    )

    @model_validator(mode="after")
    def _is_local(self) -> Self:
        with as_value_error():
            self._target()
        return self

    def client(self) -> "Machine":
        """This machine, to run programs and read files on."""
        import sys

        from phoenix.adapters.machines.local import LocalMachine

        return LocalMachine(sys.executable)

    def saved(self) -> TargetBlock:
        """What it says, as Phoenix reads it."""
        return TargetBlock(self._target().canonical)

    def _target(self) -> targets.LocalTarget:
        host = targets.parse_host(self.uri)
        if not isinstance(host, targets.LocalTarget):
            raise SpecError("a host behind SSH belongs into a block of the type SSH Target")
        return host


class SshTarget(SavedSettings):
    """A host behind SSH, and the key that logs in there."""

    _block_type_name: ClassVar[str | None] = "SSH Target"
    _block_type_slug: ClassVar[str | None] = "ssh-target"
    _description: ClassVar[str | None] = (
        f"A host behind SSH and the key that logs in, for `targets: [block:NAME]` in an experiment. {GUIDE}"
    )

    uri: str = Field(
        title="URI",
        description="ssh://[USER@]HOST[:PORT][?sudo=true]; without user, port or key the worker's ~/.ssh/config says them.",
        examples=["ssh://deploy@web-1.example.com", "ssh://deploy@web-1.example.com:2222?sudo=true"],
    )
    # Empty and not None where there is none: the form would ask for a type first.
    private_key: SecretStr = Field(
        default_factory=lambda: SecretStr(""),
        title="Private key",
        description="The whole text of the private key file, from BEGIN to END with its line breaks. "
        "If given, no other key is tried.",
    )
    passphrase: SecretStr = Field(
        default_factory=lambda: SecretStr(""),
        title="Passphrase",
        description="Of the private key, if it has one.",
    )
    known_hosts: str = Field(
        default="",
        title="Known hosts",
        description="Verified lines of known_hosts for this host, such as web-1.example.com ssh-ed25519 AAAA..., "
        "beside those that the worker knows. An unknown host is never trusted.",
    )

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        with as_value_error():
            self.saved()
        return self

    def client(self) -> "Machine":
        """The host, to run programs and read files on; connected to when it is first asked."""
        from phoenix.adapters.machines.ssh import SshMachine
        from phoenix.adapters.machines.ssh_connection import SshConnection
        from phoenix.domain.logins import Lent
        from phoenix.settings import Settings

        target, login = self._target(), self.saved().login
        name = f"block:{self._block_document_name}" if self._block_document_name else "this block"
        connection = SshConnection(target, Settings().ssh_config, lender=lambda: Lent(name, login))
        return SshMachine(target.canonical, connection)

    def saved(self) -> TargetBlock:
        """What it says, as Phoenix reads it."""
        login = SshLogin(
            self.private_key.get_secret_value(), self.passphrase.get_secret_value(), self.known_hosts
        )
        return TargetBlock(self._target().canonical, login)

    def _target(self) -> targets.SshTarget:
        host = targets.parse_host(self.uri)
        if not isinstance(host, targets.SshTarget):
            raise SpecError("a host of this machine belongs into a block of the type Local Target")
        return host
