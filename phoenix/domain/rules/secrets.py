"""Secrets written into the configuration: it is stored, shown, and copied to hosts; secrets belong elsewhere."""

import re
from collections.abc import Iterator, Mapping
from typing import cast

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.rules.context import Context, Path
from phoenix.domain.rules.references import FIX, is_reference
from phoenix.domain.trees import walk

_SECRET_KEY = re.compile(
    r"(?:^|[_.])(?:api_?keys?|access_?keys?(?:_id)?|secret_?keys?|private_?keys?|license_?keys?|ingest_?keys?"
    r"|insert_?keys?|authorization|tokens?|password|passwd|passphrase|secret|credentials?|honeycomb_team)$"
)
_ANYWHERE = re.compile(
    r"(?:api|license|access|secret|private)key$|(?:access|bearer|auth|api)token$|clientsecret$|password$",
    re.IGNORECASE,
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


def check(context: Context) -> Iterator[Finding]:
    """Literal values under keys that hold secrets, and private keys anywhere; the value itself is never repeated."""
    for path, value in walk(context.config):
        if isinstance(value, Mapping):
            yield from _pair(path, cast("Mapping[str, object]", value))
        elif isinstance(value, str) and _PRIVATE_KEY.search(value):
            yield _finding(path, "a private key is written out")
        elif path and isinstance(path[-1], str) and _is_secret(path[-1], value):
            yield _finding(path, "a secret is written out")


def _pair(path: Path, value: Mapping[str, object]) -> Iterator[Finding]:
    """Headers as a list of `{key: api-key, value: ...}`."""
    for named in ("key", "name"):
        key = value.get(named)
        if isinstance(key, str) and _is_secret(key, value.get("value")):
            yield _finding((*path, "value"), f"the value of {key} is written out")


def names_secret(key: str) -> bool:
    """Whether what stands under `key` is a secret, as far as the name tells."""
    normal = key.lower().replace("-", "_")
    return bool(_SECRET_KEY.search(normal) or _ANYWHERE.search(key))


def _is_secret(key: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return False
    return names_secret(key) and not is_reference(str(value))


def _finding(path: Path, reason: str) -> Finding:
    where = join_path(*path)
    full = f"{reason}: whoever sees the configuration sees it"
    return Finding(Severity.ERROR, "inline_secret", where, full, FIX)
