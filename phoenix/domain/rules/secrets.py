"""Secrets written into the configuration: it is stored, shown, and copied to hosts; secrets belong elsewhere."""

import re
from collections.abc import Iterator, Mapping
from typing import cast

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.rules.context import Context, Path
from phoenix.domain.trees import walk

_SECRET_KEY = re.compile(
    r"(?:^|[_.])(?:api_?keys?|access_?keys?(?:_id)?|secret_?keys?|private_?keys?|license_?keys?|ingest_?keys?"
    r"|insert_?keys?|authorization|tokens?|password|passwd|passphrase|secret|credentials?|honeycomb_team)$"
)
_ANYWHERE = re.compile(r"apikey$|licensekey$|accesstoken$|bearertoken$|clientsecret$", re.IGNORECASE)
_USERINFO = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@")


def check(context: Context) -> Iterator[Finding]:
    """Literal values under keys that hold secrets, and passwords in addresses; the value itself is never repeated."""
    for path, value in walk(context.config):
        if isinstance(value, Mapping):
            yield from _pair(path, cast("Mapping[str, object]", value))
        elif isinstance(value, str) and (found := _USERINFO.match(value)) and "${" not in found[1]:
            yield _finding(path, "the address contains a password")
        elif path and isinstance(path[-1], str) and _is_secret(path[-1], value):
            yield _finding(path, "a secret is written out")


def _pair(path: Path, value: Mapping[str, object]) -> Iterator[Finding]:
    """Headers as a list of `{key: api-key, value: ...}`."""
    for named in ("key", "name"):
        key = value.get(named)
        if isinstance(key, str) and _is_secret(key, value.get("value")):
            yield _finding((*path, "value"), f"the value of {key} is written out")


def _is_secret(key: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return False
    normal = key.lower().replace("-", "_")
    if not _SECRET_KEY.search(normal) and not _ANYWHERE.search(key):
        return False
    return "${" not in str(value)


def _finding(path: Path, reason: str) -> Finding:
    where = join_path(*path)
    full = f"{reason}: whoever sees the configuration sees it"
    return Finding(
        Severity.ERROR, "inline_secret", where, full, "write ${env:NAME} and set it in the environment"
    )
