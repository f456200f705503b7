"""Credentials in addresses: `https://user:password@host`, `https://token@host`, `https://host/?api_key=...`."""

import re
from collections.abc import Iterator

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.rules.context import Context
from phoenix.domain.rules.references import FIX, is_reference
from phoenix.domain.rules.secrets import names_secret
from phoenix.domain.trees import walk

_USERINFO = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^/\s:@?#]*:)?([^/\s@?#]+)@", re.IGNORECASE)
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://\S", re.IGNORECASE)
_QUERY = re.compile(r"[?&;]([^=&;#\s]+)=([^&;#\s]+)")


def check(context: Context) -> Iterator[Finding]:
    """One finding for each address with a credential; the credential is never repeated."""
    for path, value in walk(context.config):
        if isinstance(value, str) and (reason := credential_in(value)):
            full = f"{reason}: whoever sees the configuration, or a log line with the address, sees it"
            yield Finding(Severity.ERROR, "inline_secret", join_path(*path), full, FIX)


def credential_in(value: str) -> str:
    """How an address carries a credential, in words without it; "" if it does not."""
    # A reference may itself hold `:`, `?` and `@`.
    if (userinfo := _USERINFO.match(value)) and not is_reference(userinfo[1]):
        return "the address contains credentials"
    if _URL.match(value):
        for name, given in _QUERY.findall(value):
            if names_secret(name) and not is_reference(given):
                return f"the address contains a value for {name}"
    return ""
