"""Blocks on a real Prefect server, made as people make them."""

import json
import urllib.request
from typing import Any

from prefect.blocks.core import Block
from prefect.settings import PREFECT_API_URL, temporary_settings


def save(url: str, name: str, block: Block) -> None:
    """Save it under a name at the server, in the place of one that is there."""
    with temporary_settings({PREFECT_API_URL: url}):
        block.save(name, overwrite=True)


def load(url: str, kind: type[Block], name: str) -> Any:
    with temporary_settings({PREFECT_API_URL: url}):
        return kind.load(name)


def delete(url: str, kind: type[Block], name: str) -> None:
    with temporary_settings({PREFECT_API_URL: url}):
        kind.delete(name)


def ask(url: str, method: str, path: str, body: Any = None) -> Any:
    """The server's answer to one request, as the UI makes it."""
    request = urllib.request.Request(  # noqa: S310 - the session's own server
        url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        text = answer.read()
    return json.loads(text) if text else None


def save_unchecked(url: str, kind: type[Block], name: str, data: dict[str, Any]) -> None:
    """Save what the UI's form would let pass: the server itself judges nothing."""
    with temporary_settings({PREFECT_API_URL: url}):
        kind.register_type_and_schema()
    document = {
        "name": name,
        "data": data,
        "block_type_id": str(kind._block_type_id),
        "block_schema_id": str(kind._block_schema_id),
    }
    ask(url, "POST", "/block_documents/", document)
