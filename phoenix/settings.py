"""Settings of this installation: values only, from the environment, prefix `PHOENIX_`.

What one run does belongs in the experiment's spec; connections that people save belong in blocks.
"""

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _user_folder(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback) / "phoenix"


class Settings(BaseSettings):
    """Where Phoenix keeps things on this machine."""

    model_config = SettingsConfigDict(env_prefix="PHOENIX_", frozen=True, extra="ignore")

    home: Path = Field(
        default_factory=lambda: _user_folder("XDG_STATE_HOME", ".local/state"),
        description="State: ledger, hosts' slots, logs, reports.",
    )
    cache: Path = Field(
        default_factory=lambda: _user_folder("XDG_CACHE_HOME", ".cache"),
        description="What can be made again: collector builds, agent archives.",
    )
    database_url: str = Field(
        default="", description="SQLAlchemy URL of the store; the file phoenix.db under `home` when empty."
    )
    catalog_path: str = Field(
        default="", description="Folders searched before the shipped catalog, separated like PATH."
    )
    ssh_config: Path = Field(
        default_factory=lambda: Path.home() / ".ssh/config",
        description="The OpenSSH client configuration that hosts are reached by.",
    )
    notify: SecretStr = Field(
        default=SecretStr(""),
        description="Apprise URLs, separated by white space, that notices about experiments are sent to.",
    )
    notify_file: str = Field(
        default="", description="A file of such URLs, one a line, that only its owner can read."
    )
    oidc_issuer: str = Field(
        default="",
        description="URL of an OpenID provider by which people may sign in to the API; empty for none.",
    )
    oidc_client_id: str = Field(default="", description="What the provider calls this server.")
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""), description="Its secret there, if it has one."
    )
    api_url: str = Field(
        default="",
        description="URL of a Phoenix server that the command line is to use; empty for this machine.",
    )
    token: SecretStr = Field(default=SecretStr(""), description="The token to show there.")

    def store_url(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'phoenix.db'}"

    def catalog_folders(self) -> tuple[Path, ...]:
        return tuple(Path(folder).expanduser() for folder in self.catalog_path.split(os.pathsep) if folder)
