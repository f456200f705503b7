"""What Phoenix is called in Prefect: its work pool, and the tags of its deployments."""

import hashlib
import re
from pathlib import Path

from sqlalchemy import make_url

from phoenix.adapters.drivers import machine_id

POOL = "phoenix"
"""The work pool, type process; its workers have Phoenix installed and the store's settings in their environment."""

_STORE_TAG = "phoenix-store:"
_LETTERS = 12


def store_tag(store_url: str) -> str:
    """The tag of deployments whose workers use this store; it tells nothing of the store but whether it is the same.

    Args:
        store_url: SQLAlchemy URL. Who reads it is no part of what it is; a file of SQLite is one only on this machine.
    """
    url = make_url(store_url)
    if url.get_backend_name() == "sqlite":
        told = f"{machine_id()}:{Path(url.database or '').resolve()}"
    else:
        told = f"{url.get_backend_name()}://{url.host}:{url.port}/{url.database}"
    return _STORE_TAG + hashlib.sha256(told.encode()).hexdigest()[:_LETTERS]


def is_store_tag(tag: str) -> bool:
    """Whether a tag says whose store it is."""
    return tag.startswith(_STORE_TAG)


def host_limit(host: str, machine: str) -> str:
    """The global concurrency limit of a host.

    Args:
        host: Its name.
        machine: Name of the machine that the run is driven from: `local` is another host on another machine.
    """
    place = f"{host}-{machine}" if host == "local" or host.startswith("local://") else host
    return f"phoenix-host-{re.sub(r'[^A-Za-z0-9._@-]+', '-', place)}"
