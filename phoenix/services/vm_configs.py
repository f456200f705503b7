"""The verb vm-config: a pipeline as a folder that a person carries to a host Phoenix may not log in to."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from phoenix.adapters.ports import ConfigValidator
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.errors import DependencyError, SpecError, StateError
from phoenix.domain.findings import Finding, Severity
from phoenix.domain.rules.references import without_files
from phoenix.domain.trees import plain
from phoenix.manifests.collector import scrape_interval_of
from phoenix.manifests.slots import slot_config
from phoenix.manifests.vm_bundle import BEGIN, INSTALL_FILE, VmBundle, VmPlaces, bundle_files
from phoenix.services.pipelines import SAMPLE_ENVIRON, Pipelines, ResolvedPipeline

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class VmConfig:
    """A bundle that was written.

    Attributes:
        folder: Where it lies.
        files: Names of its files.
        bundle: What is in it, and what the host must have besides.
        findings: Warnings about the pipeline.
        unchecked: Why no collector was asked here; "" where one was. The host's own is asked in any case.
    """

    folder: Path
    files: tuple[str, ...]
    bundle: VmBundle
    findings: tuple[Finding, ...] = ()
    unchecked: str = ""


class VmConfigs:
    """Writes bundles.

    Args:
        pipelines: Where names are looked up.
        validator: Gives the collector's own check; there may be none on this machine.
    """

    def __init__(self, pipelines: Pipelines, validator: Callable[[], ConfigValidator]) -> None:
        self._pipelines = pipelines
        self._validator = validator

    def write(
        self,
        name_or_file: str,
        settings: Mapping[str, str] | None = None,
        *,
        name: str | None = None,
        folder: Path | None = None,
    ) -> VmConfig:
        """Write the bundle of a pipeline.

        Args:
            name_or_file: Name or alias of the catalog, else a path.
            settings: Parameters of a catalog pipeline, as text.
            name: What people call it; the pipeline's own name if left out.
            folder: Where to; `phoenix-NAME` below the current folder if left out.

        Raises:
            SpecError: The pipeline, a setting or the name is wrong, or the collector refuses the configuration.
            StateError: The folder holds something else.
            DependencyError: The folder cannot be written.
        """
        resolved = self._pipelines.named(name_or_file, settings)
        title = _checked(name if name is not None else _own_name(resolved))
        bundle = bundle_of(resolved, title=title)
        unchecked = self._unchecked(bundle)
        folder = folder or Path(f"phoenix-{title}")
        return VmConfig(folder, write_bundle(folder, bundle), bundle, resolved.findings, unchecked)

    def _unchecked(self, bundle: VmBundle) -> str:
        """Let the collector judge the configuration; says why it could not be asked.

        Raises:
            SpecError: It refuses.
        """
        try:
            complaint = self._validator().validate(dump_yaml(without_files(bundle.config)), SAMPLE_ENVIRON)
        except (StateError, DependencyError) as fault:
            return fault.message
        if complaint is None:
            return ""
        if bundle.variables:
            # What is known on the host only may be what is missing here; install.sh refuses what is wrong there too.
            return f"without a value for {', '.join(bundle.variables)} it says: {complaint.splitlines()[0]}"
        raise SpecError(
            f"the collector refuses the configuration: {complaint.splitlines()[0]}",
            code="config_refused",
            findings=[Finding(Severity.ERROR, "config_refused", "", complaint, "correct what it names")],
        )


def bundle_of(resolved: ResolvedPipeline, *, title: str, places: VmPlaces | None = None) -> VmBundle:
    """The bundle of a pipeline; `places` only where something must not lie where it does by default."""
    config = slot_config(resolved.own, resolved.production).config
    return VmBundle(
        title=title,
        version=resolved.own.version,
        config=config,
        config_text=dump_yaml(plain(config)),
        exporters=tuple(resolved.production.exporters),
        scrape_interval=scrape_interval_of(resolved.own),
        places=places or VmPlaces(),
    )


def write_bundle(folder: Path, bundle: VmBundle) -> tuple[str, ...]:
    """Write a bundle's files, over an earlier bundle if one lies there; returns their names.

    Raises:
        SpecError: A name in it cannot stand in a unit or a script.
        StateError: The folder holds something else.
        DependencyError: It cannot be written.
    """
    files = bundle_files(bundle)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_other_content(folder, files)
        # The script goes first: it marks the folder as ours, should the rest fail.
        for name in sorted(files, key=lambda name: name != INSTALL_FILE):
            _write(folder / name, files[name], 0o755 if name == INSTALL_FILE else 0o644)
    except OSError as fault:
        raise DependencyError(
            f"{folder} cannot be written: {fault.strerror or fault}",
            code="folder_not_writable",
            hint="name another folder with -o",
        ) from fault
    return tuple(files)


def _refuse_other_content(folder: Path, files: Mapping[str, str]) -> None:
    found = sorted(path.name for path in folder.iterdir())
    others = [name for name in found if name not in files]
    if others or (found and not _is_ours(folder / INSTALL_FILE)):
        raise StateError(
            f"{folder} holds something else ({', '.join((others or found)[:3])}) and is left as it is.",
            code="folder_in_use",
            hint="name another folder with -o",
        )


def _is_ours(script: Path) -> bool:
    return script.is_file() and BEGIN in script.read_text(encoding="utf-8", errors="replace")


def _write(path: Path, text: str, mode: int) -> None:
    """In one step: a script that is being run is never half another one."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text, encoding="utf-8", newline="\n")
    draft.chmod(mode)
    draft.replace(path)


def _own_name(resolved: ResolvedPipeline) -> str:
    """The catalog's name, or the file's without folder and ending, as far as a folder may be called that."""
    name = resolved.name if _NAME.fullmatch(resolved.name) else Path(resolved.name).stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "pipeline"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise SpecError(
            f"{name!r} cannot be a name",
            code="invalid_name",
            hint="letters, digits, dot, underscore and hyphen, at most 63 of them",
        )
    return name
