"""Ports that a configuration names itself: two collectors of a host cannot both listen on one.

A trial of a configuration, beside one that holds its ports, listens on ports that the kernel chooses.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from phoenix.domain.trees import component_type, mapping_at

ANY_PORT = "127.0.0.1:0"

_OTLP_PORTS = {"grpc": 4317, "http": 4318}
"""What the OTLP receiver listens on where its configuration names a protocol and no endpoint."""

_OURS = "${env:PHOENIX_"
"""How an address begins that a slot adds."""

_Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listener:
    """Something of a configuration that listens where the configuration says.

    Attributes:
        path: Of the mapping that holds its endpoint.
        address: The endpoint as it is written; "" where it is left to the default.
        port: None where the environment decides, and for a socket in the file system.
    """

    path: _Path
    address: str
    port: int | None


def listeners(config: Mapping[str, object]) -> tuple[Listener, ...]:
    """Everything that listens on a port of its own choice: Prometheus exporters and OTLP receivers.

    What a slot adds listens where its environment says, on a free port.
    """
    found = (*_exporters(config), *_receivers(config))
    return tuple(listener for listener in found if listener.port != 0)


def contend(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two configurations may want the same port; what the environment decides may be any port."""
    ours = {listener.port for listener in listeners(one)}
    theirs = {listener.port for listener in listeners(other)}
    if not ours or not theirs:
        return False
    return None in ours | theirs or not ours.isdisjoint(theirs)


def trial_config(config: Mapping[str, object]) -> Mapping[str, object]:
    """The configuration with every port that it fixes replaced by 0, any free one; its hosts stay where written."""
    for listener in listeners(config):
        config = _with_endpoint(config, listener.path, _any_port(listener.address))
    return config


def _exporters(config: Mapping[str, object]) -> Iterator[Listener]:
    for name, body in mapping_at(config, "exporters").items():
        endpoint = mapping_at(body).get("endpoint")
        if component_type(name) != "prometheus" or not isinstance(endpoint, str):
            continue
        if not endpoint.startswith(_OURS):
            yield Listener(("exporters", name), endpoint, _port(endpoint))


def _receivers(config: Mapping[str, object]) -> Iterator[Listener]:
    for name, body in mapping_at(config, "receivers").items():
        if component_type(name) != "otlp":
            continue
        for protocol, settings in mapping_at(body, "protocols").items():
            path = ("receivers", name, "protocols", protocol)
            endpoint = mapping_at(settings).get("endpoint")
            if isinstance(endpoint, str):
                yield Listener(path, endpoint, _port(endpoint))
            else:
                yield Listener(path, "", _OTLP_PORTS.get(protocol))


def _port(address: str) -> int | None:
    port = address.rpartition(":")[2]
    return int(port) if port.isascii() and port.isdigit() else None


def _any_port(address: str) -> str:
    """Of the same host, so that an address that this machine does not have is found out by the trial."""
    host, has_port, port = address.rpartition(":")
    return f"{host}:0" if has_port and port.isdigit() and "${" not in host else ANY_PORT


def _with_endpoint(tree: Mapping[str, object], path: _Path, endpoint: str) -> dict[str, object]:
    if not path:
        # Without a transport: what listened on a socket in the file system listens on TCP now.
        return {**{key: value for key, value in tree.items() if key != "transport"}, "endpoint": endpoint}
    return {**tree, path[0]: _with_endpoint(mapping_at(tree, path[0]), path[1:], endpoint)}
