"""A `BlockLibrary`: the blocks of a Prefect server, by its REST API.

The package `blocks` says how a block is made and shown; what its fields mean is the domain's, there as well as here.
"""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

from phoenix.adapters.prefect.api import PrefectApi
from phoenix.domain.errors import DependencyError, SpecError
from phoenix.domain.logins import SshLogin, TargetBlock
from phoenix.domain.otlp import OtlpBackend, OtlpCompression, OtlpProtocol
from phoenix.domain.targets import LocalTarget, SshTarget, parse_host
from phoenix.domain.trees import mapping_at

PATIENCE_SECONDS = 3.0
"""A server on this machine answers in 20 ms; one that hangs must not hold a connection or a draft up."""

SSH_TARGET, LOCAL_TARGET, OTLP_EXPORTER = "ssh-target", "local-target", "otlp-exporter"
"""Slugs of the block types, as people see them in addresses and at `prefect block`."""

_TARGETS = (SSH_TARGET, LOCAL_TARGET)
_MOST_NAMES = 8
_AT_ONCE = 200
"""The server gives no more in one answer."""


class PrefectBlocks:
    """Blocks on the server that is there when one is asked for.

    Args:
        url: The value of PREFECT_API_URL; None where there is no server.
        environ: Where the credentials for a server of that URL are.
    """

    def __init__(self, url: Callable[[], str | None], environ: Callable[[str], Mapping[str, str]]) -> None:
        self._url = url
        self._environ = environ

    def uri(self, name: str) -> str:
        slug, data = self._data(name, _TARGETS, secrets=False)
        return _host(name, slug, data).canonical

    def target(self, name: str) -> TargetBlock:
        slug, data = self._data(name, _TARGETS)
        uri = _host(name, slug, data).canonical
        return TargetBlock(uri, _login(name, data)) if slug == SSH_TARGET else TargetBlock(uri)

    def backend(self, name: str) -> OtlpBackend:
        _, data = self._data(name, (OTLP_EXPORTER,))
        try:
            return OtlpBackend(
                endpoint=_text(data, "endpoint"),
                protocol=OtlpProtocol(_text(data, "protocol") or OtlpProtocol.HTTP),
                headers={key: str(value) for key, value in mapping_at(data, "headers").items()},
                compression=OtlpCompression(_text(data, "compression") or OtlpCompression.GZIP),
                insecure=data.get("insecure") is True,
                ca_file=_text(data, "ca_file"),
            )
        except SpecError as fault:
            raise _unusable(name, fault.message, fault.hint) from fault
        except ValueError as fault:
            raise _unusable(name, "its protocol or its compression is none that we know") from fault

    def _data(
        self, name: str, slugs: Sequence[str], *, secrets: bool = True
    ) -> tuple[str, Mapping[str, object]]:
        """The slug of its type, and what it holds."""
        api = self._server(name)
        found = _documents(api, slugs, secrets, {"name": {"any_": [name]}})
        if not found:
            raise _unknown(name, slugs, [_text(one, "name") for one in _documents(api, slugs, False, {})])
        types = [str(mapping_at(one, "block_type").get("slug", "")) for one in found]
        if len(found) > 1:
            raise SpecError(
                f"block:{name} may be {' or '.join(f'{slug}/{name}' for slug in sorted(types))}.",
                code="ambiguous_block",
                hint=f"delete one of them, or save it under another name: prefect block delete {types[0]}/{name}",
            )
        return types[0], mapping_at(found[0], "data")

    def _server(self, name: str) -> PrefectApi:
        url = self._url()
        if url is None:
            raise DependencyError(
                f"block:{name} is on a Prefect server, and none is named.",
                code="no_prefect_server",
                hint="set PREFECT_API_URL to the server's API, or start one: phoenix up",
            )
        return PrefectApi(url, self._environ(url), PATIENCE_SECONDS)


def _documents(
    api: PrefectApi, slugs: Sequence[str], secrets: bool, documents: Mapping[str, object]
) -> list[Mapping[str, object]]:
    answer = api.post(
        "/block_documents/filter",
        {
            "block_types": {"slug": {"any_": list(slugs)}},
            "block_documents": {"is_anonymous": {"eq_": False}, **documents},
            "include_secrets": secrets,
            "limit": _AT_ONCE,
        },
    )
    if answer is None or not isinstance(answer.body, list):
        raise DependencyError(
            "What answers at PREFECT_API_URL is no API of a Prefect server.",
            code="prefect_refused",
            hint="its path is /api, as in http://127.0.0.1:4200/api",
        )
    return [cast("Mapping[str, object]", one) for one in cast("list[Any]", answer.body)]


def _host(name: str, slug: str, data: Mapping[str, object]) -> LocalTarget | SshTarget:
    try:
        host = parse_host(_text(data, "uri"))
    except SpecError as fault:
        raise _unusable(name, fault.message, fault.hint) from fault
    if isinstance(host, SshTarget) != (slug == SSH_TARGET):
        raise _unusable(name, f"{host.canonical} does not belong into a block of the type {slug}")
    return host


def _login(name: str, data: Mapping[str, object]) -> SshLogin:
    try:
        return SshLogin(_text(data, "private_key"), _text(data, "passphrase"), _text(data, "known_hosts"))
    except SpecError as fault:
        raise _unusable(name, fault.message, fault.hint) from fault


def _text(data: Mapping[str, object], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _unusable(name: str, why: str, hint: str = "") -> SpecError:
    return SpecError(
        f"block:{name} cannot be used: {why}",
        code="unusable_block",
        hint=f"mend it in the Prefect UI{f': {hint}' if hint else ''}",
    )


def _unknown(name: str, slugs: Sequence[str], known: Sequence[str]) -> SpecError:
    names = sorted(set(known))
    near = get_close_matches(name, names, n=3) or names[:_MOST_NAMES]
    there = f"there are {', '.join(near)}; " if near else ""
    return SpecError(
        f"No {' or '.join(slugs)} on the Prefect server is called {name}.",
        code="unknown_block",
        hint=f"{there}make one in its UI under Blocks, or see docs/blocks.md",
        details={"block": name, "near": near},
    )
