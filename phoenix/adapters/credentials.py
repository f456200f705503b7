"""The server that a person signed in to on this machine, and the token that was given for it: one private file."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from phoenix.adapters.machines import durable
from phoenix.domain.errors import StateError

_FILE = "credentials.json"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Where somebody is signed in.

    Attributes:
        url: Of the server, without a path.
        user: His name there.
        token_id: Of the token, to revoke it by.
        token: The secret; never shown.
    """

    url: str
    user: str
    token_id: str
    token: str = field(repr=False)


def read(home: Path) -> SignedIn | None:
    """Where the person of this state folder is signed in; None where nowhere.

    Raises:
        StateError: The file can be read by others, or cannot be understood.
    """
    path = home / _FILE
    text = durable.read(path)
    if text is None:
        return None
    if path.stat().st_mode & 0o077:
        raise StateError(
            f"{path} can be read by others, and holds a token.",
            code="exposed_credentials",
            hint=f"phoenix auth logout ends the token; or chmod 600 {path}",
        )
    try:
        return SignedIn(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise StateError(
            f"{path} cannot be understood.", code="damaged_credentials", hint="phoenix auth login once more"
        ) from error


def write(home: Path, signed_in: SignedIn) -> None:
    """Remember where he is signed in, in one step."""
    durable.make_folder(home)
    durable.write(home / _FILE, json.dumps(asdict(signed_in), indent=2))


def forget(home: Path) -> None:
    """Forget it; forgetting twice is once."""
    (home / _FILE).unlink(missing_ok=True)
