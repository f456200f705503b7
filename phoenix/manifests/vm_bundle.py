"""What a host gets that Phoenix may not log in to: a configuration, its unit, and the script that installs both.

The script and the page are files of `deployments/systemd`; what varies is put in between two marked lines of the script,
quoted for sh. Nothing secret is in a bundle: it names the variables and files that must be there.
"""

import hashlib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from phoenix.domain.errors import SpecError
from phoenix.domain.rules.references import variables
from phoenix.domain.trees import mapping_at, strings_at, walk
from phoenix.manifests.slots import measurement_environ
from phoenix.manifests.systemd import (
    UNIT_FOLDER,
    CollectorUnit,
    capabilities_for,
    collector_unit,
    secret_files,
    shipped,
    template,
)

CONFIG_FILE = "collector.yaml"
INSTALL_FILE = "install.sh"
README_FILE = "README.txt"

PROGRAM = "otelcol-phoenix"
"""The collector's file on such a host; the process is known by this name, whatever its version."""

BEGIN = "# begin of what `phoenix pipeline vm-config` writes\n"
"""The line of the script after which its values stand; a folder with it holds a bundle."""

_END = "# end of what `phoenix pipeline vm-config` writes\n"
_READY = timedelta(seconds=20)
_SCRAPES = 3
_EXPORTER = re.compile(r"[A-Za-z][A-Za-z0-9_]*(/[A-Za-z0-9_.-]+)?")


@dataclass(frozen=True, slots=True)
class VmPlaces:
    """Where things lie on the host. One pipeline is installed at a time: another bundle replaces it.

    Attributes:
        unit: Name of the unit, without `.service`.
        folder: The releases: binary, configuration and unit.
        unit_folder: Where systemd looks for units.
        environment_file: What the person puts the secrets into; ports too, where ours are taken.
        metrics: Port of the measurement's exporter, on loopback like the others.
        telemetry: Port of the collector's own telemetry.
        health: Port of the health check.
    """

    unit: str = "phoenix-pipeline"
    folder: str = "/opt/phoenix"
    unit_folder: str = UNIT_FOLDER
    environment_file: str = "/etc/phoenix/collector.env"
    metrics: int = 29464
    telemetry: int = 29465
    health: int = 29466

    @property
    def addresses(self) -> dict[str, str]:
        """The environment that the configuration reads its addresses from."""
        host = "127.0.0.1"
        return measurement_environ(f"{host}:{self.metrics}", f"{host}:{self.health}", (host, self.telemetry))


@dataclass(frozen=True, slots=True)
class VmBundle:
    """What goes into a bundle.

    Attributes:
        title: Name of the pipeline, for people.
        version: The pipeline's.
        config: The whole production configuration.
        config_text: The same as YAML.
        exporters: Those of the user; through each of them points must leave before an installation counts.
        scrape_interval: Of the pipeline.
    """

    title: str
    version: str
    config: Mapping[str, object]
    config_text: str
    exporters: tuple[str, ...]
    scrape_interval: timedelta
    places: VmPlaces = field(default_factory=VmPlaces)

    @property
    def variables(self) -> tuple[str, ...]:
        """What must be set on the host: variables of the configuration that have no default and are not ours; sorted."""
        texts = (value for _, value in walk(self.config) if isinstance(value, str))
        needed = {name for text in texts for name, has_default in variables(text) if not has_default}
        return tuple(sorted(needed - self.places.addresses.keys()))

    @property
    def secret_files(self) -> tuple[str, ...]:
        """Files that must be on the host."""
        return secret_files(self.config)

    @property
    def used_exporters(self) -> tuple[str, ...]:
        """The user's exporters that a pipeline sends to; one that is only configured sends nothing."""
        pipelines = mapping_at(self.config, "service", "pipelines").values()
        used = {name for body in pipelines for name in strings_at(body, "exporters")}
        return tuple(name for name in self.exporters if name in used)


def bundle_files(bundle: VmBundle) -> dict[str, str]:
    """The files of a bundle, name to text; `install.sh` is to be executable.

    Raises:
        SpecError: An exporter's name or a path cannot stand in a unit or a script.
    """
    unit_file = f"{bundle.places.unit}.service"
    carried = {CONFIG_FILE: bundle.config_text, unit_file: _unit(bundle)}
    return {**carried, INSTALL_FILE: _install(bundle, carried), README_FILE: _readme(bundle)}


def _unit(bundle: VmBundle) -> str:
    places = bundle.places
    current = f"{places.folder}/current"
    return collector_unit(
        CollectorUnit(
            description=f"Phoenix: {bundle.title}",
            place="revision-1",
            name=places.unit,
            at_boot=True,
            binary=f"{current}/{PROGRAM}",
            config=f"{current}/{CONFIG_FILE}",
            folder=places.folder,
            environment=places.addresses,
            environment_file=places.environment_file if bundle.variables else f"-{places.environment_file}",
            secret_files=bundle.secret_files,
            capabilities=capabilities_for(bundle.config),
        )
    )


def _install(bundle: VmBundle, carried: Mapping[str, str]) -> str:
    places = bundle.places
    for name in bundle.used_exporters:
        if not _EXPORTER.fullmatch(name):
            raise SpecError(
                f"the exporter name {name!r} cannot stand in a script",
                code="invalid_name",
                hint="letters, digits and _ . - behind its type and a slash",
            )
    sums = "\n".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}" for name, text in carried.items())
    patience = _READY + _SCRAPES * bundle.scrape_interval
    values = {
        "TITLE": bundle.title,
        "UNIT": places.unit,
        "FOLDER": places.folder,
        "UNIT_FOLDER": places.unit_folder,
        "ENVIRONMENT_FILE": places.environment_file,
        "VARIABLES": " ".join(bundle.variables),
        "SECRET_FILES": " ".join(bundle.secret_files),
        "EXPORTERS": " ".join(bundle.used_exporters),
        "PATIENCE": str(round(patience.total_seconds())),
        "SUMS": sums,
    }
    head, _, rest = shipped(INSTALL_FILE).partition(BEGIN)
    tail = rest.partition(_END)[2]
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    return f"{head}{BEGIN}{lines}{_END}{tail}"


def _readme(bundle: VmBundle) -> str:
    places = bundle.places
    steps = _preparations(bundle)
    title = f"Phoenix: {bundle.title}"
    through = f" through {', '.join(bundle.used_exporters)}" if bundle.used_exporters else ""
    return template("vm-readme.txt").substitute(
        title=title,
        underline="=" * len(title),
        version=bundle.version,
        unit=places.unit,
        folder=places.folder,
        steps="".join(f"{number}. {step}\n\n" for number, step in enumerate(steps, 2)),
        install_step=len(steps) + 2,
        through=through,
        addresses=f"127.0.0.1, ports {places.metrics}, {places.telemetry} and {places.health}",
        environment_file=places.environment_file,
        capabilities=_capabilities(bundle),
    )


def _preparations(bundle: VmBundle) -> list[str]:
    """What a person must put on the host before, with the secrets only they have."""
    steps: list[str] = []
    path = bundle.places.environment_file
    if bundle.variables:
        lines = "\n".join(f"     {name}=..." for name in bundle.variables)
        steps.append(f"Put these lines, with their values, into {path} (owner root, mode 0600):\n\n{lines}")
    if bundle.secret_files:
        lines = "\n".join(f"     {name}" for name in bundle.secret_files)
        steps.append(
            f"Put these files there (owner root, mode 0600; a secret without a line end):\n\n{lines}"
        )
    return steps


def _capabilities(bundle: VmBundle) -> str:
    needed = capabilities_for(bundle.config)
    if not needed:
        return "It runs as a user of its own, without any capability."
    return (
        f"It runs as a user of its own with {' and '.join(needed)}, for the metrics and attributes that need to\n"
        "look into other users' processes (process.disk.io, process.executable.path, process.open_file_descriptors)."
    )
