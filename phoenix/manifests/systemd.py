"""systemd units as text, from the templates in `deployments/systemd`.

    phoenix-collector-PLACE.service    one collector; written when it is started, started again only by the next
    phoenix-collector-active.service   enabled; at boot it starts the collector that the `active` link names

Whatever comes from outside is checked here, so that no value can add a line or a setting to a unit.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib.resources import files
from string import Template

from phoenix.domain.errors import SpecError
from phoenix.domain.trees import component_type, mapping_at, strings_at, walk
from phoenix.manifests.collector import HOST_METRICS_TYPES

HOST_FOLDER = "/var/lib/phoenix"
"""Where a host keeps what Phoenix put there; its units carry no digest in their names."""

UNIT_FOLDER = "/etc/systemd/system"
"""For the units of revisions and the boot unit: they outlast a reboot."""

TRANSIENT_UNIT_FOLDER = "/run/systemd/system"
"""For the units of an experiment: after a reboot they were never there."""

COLLECTOR_USER = "phoenix-collector"
"""The dynamic user of every collector unit."""

_PTRACE = "CAP_SYS_PTRACE"
_READ = "CAP_DAC_READ_SEARCH"

_METRIC_NEEDS: Mapping[str, tuple[bool, tuple[str, ...]]] = {
    "process.disk.io": (True, (_READ, _PTRACE)),
    "process.disk.operations": (False, (_READ, _PTRACE)),
    "process.open_file_descriptors": (False, (_READ,)),
    "process.signals_pending": (False, (_READ,)),
}
"""Metric of the process scraper: whether it is on by default, and what reading it of other users' processes takes.

/proc/PID/io is mode 0400 and guarded like ptrace; /proc/PID/fd is mode 0500, and signals_pending counts it by the way.
stat, statm, status, comm, cmdline, cgroup, limits and task may be read by anyone. deployments/systemd/README.md has the
measurement.
"""

_ATTRIBUTE_NEEDS: Mapping[str, tuple[bool, tuple[str, ...]]] = {
    "process.executable.path": (True, (_PTRACE,)),
}
"""Likewise. The path is the link /proc/PID/exe, guarded like ptrace; the name is /proc/PID/comm or status, which is
not: critical processes are recognised without any capability."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMPONENT = re.compile(r"[A-Za-z0-9._+@=,-]+")
_PLACE = re.compile(r"baseline|candidate|revision-[1-9][0-9]{0,8}")
_UNIT_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_CAPABILITY = re.compile(r"CAP_[A-Z_]+")
_DIGEST_LENGTH = 8
_FILE_REFERENCE = re.compile(r"(?<!\$)(?:\$\$)*\$\{file:(/[^}]+)\}")
_KEY_FILE = "key_file"


@dataclass(frozen=True, slots=True)
class CollectorUnit:
    """What one collector's unit says.

    Attributes:
        description: For people, one line.
        place: `baseline`, `candidate` or `revision-N`.
        binary: Absolute path; its folders must let other users through.
        config: Absolute path; readable for other users, it holds no secret.
        folder: The host's folder.
        environment: Addresses and marks, nothing secret: anyone on the host can read a unit.
        environment_file: Absolute path of the secrets, mode 0600; systemd reads it as root. A `-` before it lets it be
            missing. None where none is needed.
        secret_files: Absolute paths that the configuration reads, as `secret_files` finds them; systemd reads them as root
            and shows them to the collector alone, under the same paths. Each must exist when the unit starts.
        lifetime: After it systemd ends the collector; None for the active pipeline, which is started again instead
            when it fails.
        capabilities: As `capabilities_for` says.
        name: Of the unit, without `.service`; "" for the one that its place on a host gives it.
        at_boot: Whether enabling it starts it at boot. Revisions are started by the boot unit instead.
    """

    description: str
    place: str
    binary: str
    config: str
    folder: str = HOST_FOLDER
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    environment_file: str | None = None
    secret_files: tuple[str, ...] = ()
    lifetime: timedelta | None = None
    capabilities: tuple[str, ...] = ()
    name: str = ""
    at_boot: bool = False


def unit_name(folder: str, place: str) -> str:
    """Name of the collector's unit; two folders on one host never share one.

    Raises:
        SpecError: `place` or `folder` cannot stand in a unit.
    """
    if not _PLACE.fullmatch(place):
        raise _unfit("place", place, "baseline, candidate or revision-N")
    return f"{unit_prefix(folder)}{place}.service"


def boot_unit_name(folder: str) -> str:
    """Name of the unit that starts the active pipeline at boot."""
    return f"{unit_prefix(folder)}active.service"


def unit_prefix(folder: str) -> str:
    """What the names of all units of a host's folder, and no others, begin with."""
    if _path("folder", folder) == HOST_FOLDER:
        return "phoenix-collector-"
    return f"phoenix-collector-{hashlib.sha256(folder.encode()).hexdigest()[:_DIGEST_LENGTH]}-"


def collector_unit(unit: CollectorUnit) -> str:
    """The text of a collector's unit.

    Raises:
        SpecError: A value cannot stand in a unit.
    """
    if wrong := [name for name in unit.capabilities if not _CAPABILITY.fullmatch(name)]:
        raise _unfit("capability", wrong[0], "a name such as CAP_SYS_PTRACE")
    lasting = unit.lifetime is None
    text = template("collector.service").substitute(
        description=_words(unit.description),
        folder=_path("folder", unit.folder),
        binary=_path("binary", unit.binary),
        config=_path("config", unit.config),
        identifier=_identifier(unit),
        capabilities=" ".join(unit.capabilities),
        # A backend that is away for long must not leave the host without its pipeline.
        unit_lines="StartLimitIntervalSec=0" if lasting else "",
        service_lines="\n".join(
            [*_environment(unit), *_secrets(unit), *_ending(unit.lifetime), *_network(unit.place)]
        ),
        install_lines="[Install]\nWantedBy=multi-user.target" if unit.at_boot else "",
    )
    return text.rstrip("\n") + "\n"


def boot_unit(folder: str = HOST_FOLDER) -> str:
    """The text of the unit that at boot starts the collector which the folder's `active` link names.

    Raises:
        SpecError: `folder` cannot stand in a unit.
    """
    return template("active.service").substitute(
        folder=_path("folder", folder),
        script=_argument(shipped("start-active.sh")),
        prefix=unit_prefix(folder),
    )


def capabilities_for(config: Mapping[str, object]) -> tuple[str, ...]:
    """What a collector of another user than root needs to read all that a configuration asks for; sorted.

    Args:
        config: A whole collector configuration. Only receivers that a pipeline uses count.
    """
    needed = {name for scraper in _process_scrapers(config) for name in _needs(scraper)}
    return tuple(sorted(needed))


def secret_files(config: Mapping[str, object]) -> tuple[str, ...]:
    """Files that a configuration reads and that may be closed to its user: `${file:/path}`, private keys; sorted.

    Args:
        config: A whole collector configuration.
    """
    found: set[str] = set()
    for path, value in walk(config):
        if isinstance(value, str):
            # A path that depends on the environment is known on the host only.
            found.update(one for one in _FILE_REFERENCE.findall(value) if "${" not in one)
            if path and path[-1] == _KEY_FILE and value.startswith("/"):
                found.add(value)
    return tuple(sorted(found))


def _process_scrapers(config: Mapping[str, object]) -> list[dict[str, object]]:
    pipelines = mapping_at(config, "service", "pipelines").values()
    used = {name for body in pipelines for name in strings_at(body, "receivers")}
    scrapers = [
        mapping_at(body, "scrapers")
        for name, body in mapping_at(config, "receivers").items()
        if name in used and component_type(name) in HOST_METRICS_TYPES
    ]
    return [mapping_at(one, "process") for one in scrapers if "process" in one]


def _needs(scraper: Mapping[str, object]) -> list[str]:
    needed: list[str] = []
    for part, table in (("metrics", _METRIC_NEEDS), ("resource_attributes", _ATTRIBUTE_NEEDS)):
        for name, (default, capabilities) in table.items():
            # What the environment decides may turn out to be on.
            if mapping_at(scraper, part, name).get("enabled", default) is not False:
                needed += capabilities
    return needed


def _identifier(unit: CollectorUnit) -> str:
    if not unit.name:
        return unit_name(unit.folder, unit.place).removesuffix(".service")
    if not _UNIT_NAME.fullmatch(unit.name):
        raise _unfit("unit name", unit.name, "small letters, digits and hyphens")
    return unit.name


def _environment(unit: CollectorUnit) -> list[str]:
    lines: list[str] = []
    for name, value in unit.environment.items():
        if not _NAME.fullmatch(name):
            raise _unfit("environment variable", name, "letters, digits and underscores")
        lines.append(f"Environment={_quoted(f'{name}={value}')}")
    return lines


def _secrets(unit: CollectorUnit) -> list[str]:
    """Secrets that root may read, for the collector alone."""
    lines: list[str] = []
    if unit.environment_file is not None:
        path = unit.environment_file.removeprefix("-")
        optional = "-" if path != unit.environment_file else ""
        lines.append(f"EnvironmentFile={optional}{_path('environment file', path)}")
    for number, path in enumerate(unit.secret_files):
        name = f"secret-{number}"
        lines.append(f"LoadCredential={name}:{_path('secret file', path)}")
        # Not %d: systemd before 250 does not know it.
        lines.append(f"BindReadOnlyPaths=/run/credentials/{_identifier(unit)}.service/{name}:{path}")
    return lines


def _ending(lifetime: timedelta | None) -> Sequence[str]:
    if lifetime is None:
        return ("Restart=on-failure", "RestartSec=2s")
    milliseconds = max(1, round(lifetime.total_seconds() * 1000))
    return ("Restart=no", f"RuntimeMaxSec={milliseconds}ms")


def _network(place: str) -> Sequence[str]:
    """The kernel itself keeps an experiment's collectors from sending anything off the host."""
    return () if place.startswith("revision-") else ("IPAddressDeny=any", "IPAddressAllow=localhost")


def _path(what: str, path: str) -> str:
    """`path`, if it is absolute, leads where it says, and means the same to systemd, to sh and to people."""
    components = path.split("/")[1:]
    if not path.startswith("/") or not all(
        _COMPONENT.fullmatch(one) and one.strip(".") for one in components
    ):
        raise _unfit(what, path, "an absolute path of letters, digits and . _ + @ = , -")
    return path


def _words(text: str) -> str:
    """One line of prose: a backslash at its end would swallow the next setting."""
    return _printable(text).replace("\\", "/").replace("%", "%%")


def _argument(text: str) -> str:
    """One word of a command line."""
    return _quote(text).replace("$", "$$").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _quote(_printable(text))


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _printable(text: str) -> str:
    """Refuse control characters and what is no Unicode: systemd would end the line there, or ignore it."""
    if not all(one.isprintable() for one in text):
        raise _unfit("text", text, "one line of printable characters")
    return text


def _unfit(what: str, value: str, wanted: str) -> SpecError:
    return SpecError(f"the {what} {value!r} cannot stand in a systemd unit", code="invalid_unit", hint=wanted)


def template(name: str) -> Template:
    """A template of `deployments/systemd`; `$name` is a value, `$$` a dollar sign."""
    return Template(shipped(name))


@cache
def shipped(name: str) -> str:
    """The text of a file of `deployments/systemd`."""
    return (files("deployments") / "systemd" / name).read_text(encoding="utf-8")
