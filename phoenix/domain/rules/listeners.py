"""Listeners beyond loopback: a collector of an experiment must not open the host to the network."""

import re
from collections.abc import Iterator
from ipaddress import ip_address

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.rules.context import Context, Path, kind_of
from phoenix.domain.trees import mapping_at, walk

_ENVIRONMENT = re.compile(r"\$\{(?:env:)?[A-Za-z_][A-Za-z0-9_]*(?::-([^}]*))?\}")


def check(context: Context) -> Iterator[Finding]:
    """Addresses that receivers, extensions, the collector's telemetry and Prometheus exporters listen on."""
    for path, address in _listeners(context):
        if not _is_loopback(address):
            reason = f"it listens on {address}, which other machines can reach"
            fix = "listen on 127.0.0.1, or put the address into the environment: ${env:NAME}"
            yield Finding(Severity.ERROR, "listener_beyond_loopback", join_path(*path), reason, fix)


def _listeners(context: Context) -> Iterator[tuple[Path, str]]:
    for part in ("receivers", "extensions"):
        for name, config in mapping_at(context.config, part).items():
            yield from _addresses(config, (part, name), {"endpoint", "listen_address"})
    for name, config in mapping_at(context.config, "exporters").items():
        if kind_of(name) == "prometheus":
            yield from _addresses(config, ("exporters", name), {"endpoint"})
    metrics = mapping_at(context.config, "service", "telemetry", "metrics")
    where: Path = ("service", "telemetry", "metrics")
    if isinstance(address := metrics.get("address"), str):
        yield (*where, "address"), address
    for path, value in walk(metrics.get("readers"), *where, "readers"):
        # A push reader (periodic) names where it sends to; only pull readers listen.
        if "pull" in path and path[-1] == "host" and isinstance(value, str):
            yield path, value


def _addresses(config: object, path: Path, keys: set[str]) -> Iterator[tuple[Path, str]]:
    for where, value in walk(config, *path):
        if where[-1] in keys and isinstance(value, str):
            yield where, value


def _is_loopback(address: str) -> bool:
    """Whether only this machine reaches it; what the environment decides is left to who sets the environment."""
    address = _ENVIRONMENT.sub(lambda found: found[1] if found[1] is not None else "\0", address).strip()
    if address.startswith(("/", "unix:", "@")):
        return True
    address = re.sub(r"^[a-z][a-z0-9+.-]*://", "", address)
    host = _host(address)
    if host.startswith("\0") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]
