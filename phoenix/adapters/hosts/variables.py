"""The variables that collectors are given: whose they are, where they listen, and the secrets of production."""

from collections.abc import Callable, Mapping

from phoenix.adapters.hosts import binary
from phoenix.adapters.hosts.environments import environment_in, environment_text, without_secrets
from phoenix.adapters.hosts.marks import FOLDER, OWNER, PLACE, HostMarks, is_ours, revision_number
from phoenix.adapters.hosts.places import ENVIRONMENT, PlaceRecord, Places
from phoenix.adapters.hosts.ports import LOOPBACK
from phoenix.adapters.machines.machine import Machine, Text
from phoenix.adapters.ports import CollectorLaunch
from phoenix.domain.errors import PhoenixError

METRICS = "PHOENIX_METRICS_ADDRESS"
HOST, PORT = "PHOENIX_TELEMETRY_HOST", "PHOENIX_TELEMETRY_PORT"
HEALTH = "PHOENIX_HEALTH_ADDRESS"

_OURS = dict.fromkeys((OWNER, PLACE, FOLDER, METRICS, HOST, PORT, HEALTH), "")

Secrets = Mapping[str, str]
"""The variables of a user's exporters; they reach the pipeline that exports to the user, and no other."""

Given = Callable[[str], Mapping[str, str]]
"""What is known, beside the host, of the variables that a configuration refers to."""


class Variables:
    """What collectors of one host are given, kept in each place's `environment`, which only its user may read.

    Args:
        machine: Where the host is.
        marks: The host's.
        places: The host's.
        given: Asked when a pipeline is started that is new there; PhoenixError where it cannot say.
    """

    def __init__(
        self,
        machine: Machine,
        marks: HostMarks,
        places: Places,
        given: Given = binary.referenced_environment,
    ) -> None:
        self._machine = machine
        self._marks = marks
        self._places = places
        self._given = given

    def secrets_for(self, place: str, launch: CollectorLaunch) -> Secrets:
        """What the configuration refers to: as it is here, else as the host keeps it of the place that is named.

        Raises:
            StateError: Something that it refers to is nowhere.
            PhoenixError: What knows it cannot be asked, and the host does not keep it.
        """
        if revision_number(place) is None:
            return {}
        kept = (self._kept(launch.environment_of) if launch.environment_of else None) or {}
        return _demanded(launch.config, {**kept, **self._known(launch.config, kept)})

    def _known(self, config: str, kept: Secrets) -> Secrets:
        """A host that keeps all of them can go back to what served, whoever does not answer."""
        try:
            return self._given(config)
        except PhoenixError:
            here = binary.referenced_environment(config)
            if not kept.keys() | here.keys() >= set(binary.referenced_names(config)):
                raise
            return here

    def secrets_of(self, place: str, config: str) -> Secrets:
        """What was given there before; as it is here where the host has none, as an earlier version left it.

        Raises:
            StateError: Something that `config` refers to is nowhere.
        """
        if revision_number(place) is None:
            return {}
        kept = self._kept(place)
        return _demanded(config, binary.referenced_environment(config) if kept is None else kept)

    def environ(self, record: PlaceRecord, secrets: Secrets, mark: str) -> dict[str, str]:
        """Everything that the collector of `record` is given; it calls itself `mark`."""
        return {
            **secrets,
            **self._marks.environ(record.owner, mark),
            METRICS: f"{LOOPBACK}:{record.metrics}",
            HOST: LOOPBACK,
            PORT: str(record.telemetry),
            HEALTH: f"{LOOPBACK}:{record.health}",
        }

    def text(self, record: PlaceRecord, secrets: Secrets) -> Text:
        """The file of its place, to be written."""
        content = environment_text(self.environ(record, secrets, record.place))
        return Text(self._places.path(record.place) / ENVIRONMENT, content)

    def hidden(self, place: str, lines: list[str]) -> list[str]:
        """What a collector wrote, without the secrets that it was given."""
        if not lines or revision_number(place) is None:
            return lines
        return without_secrets("\n".join(lines), self._kept(place) or {}).split("\n")

    def _kept(self, place: str) -> Secrets | None:
        """None if the place has no such file."""
        text = self._machine.read(self._places.path(place) / ENVIRONMENT)
        if text is None:
            return None
        return {name: value for name, value in environment_in(text).items() if not is_ours(name)}


def _demanded(config: str, found: Mapping[str, str]) -> Secrets:
    wanted = binary.referenced_names(config)
    secrets = {name: found[name] for name in wanted if name in found}
    binary.demand_environment(config, {**secrets, **_OURS})
    return secrets
