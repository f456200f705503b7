"""The verbs on pipelines: list, show, resolve for an experiment, validate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from phoenix.adapters.catalog import Catalog
from phoenix.adapters.ports import ConfigValidator
from phoenix.adapters.yaml.documents import dump_yaml, load_mapping, parse_mapping
from phoenix.domain.durations import format_duration
from phoenix.domain.errors import DependencyError, SpecError, StateError
from phoenix.domain.findings import Finding, Severity, errors
from phoenix.domain.paths import join_path
from phoenix.domain.patterns import join_patterns
from phoenix.domain.pipelines.parameters import (
    Parameter,
    ParameterType,
    Resolution,
    from_text,
    resolve_parameters,
)
from phoenix.domain.pipelines.pipeline import (
    CRITICAL_PARAMETER,
    EXPORTERS_PARAMETER,
    INTERVAL_PARAMETER,
    Pipeline,
    PipelineRef,
)
from phoenix.domain.rules import lint
from phoenix.domain.rules.references import without_files
from phoenix.domain.targets import BLOCK_PREFIX, BlockName
from phoenix.domain.trees import mapping_at, plain
from phoenix.manifests.collector import OwnPart, own_part, own_part_of_file
from phoenix.manifests.slots import (
    SlotAddition,
    exporters_of_file,
    measurement_environ,
    slot_config,
)
from phoenix.services.exporters_text import exporters_of_text

SAMPLE_ENVIRON = measurement_environ("127.0.0.1:1", "127.0.0.1:2", ("127.0.0.1", 3))
"""Addresses of the right form: `validate` opens none of them."""

TEXT_PATH = "config"
"""Where a configuration that came as text stands in the document that asked, for the findings."""


@dataclass(frozen=True, slots=True)
class ResolvedPipeline:
    """A pipeline that may be run.

    Attributes:
        name: The catalog's name for it, whatever alias was used; a file as it was named.
        own: What is measured; its version is the pipeline's.
        parameters: Every parameter's value; empty for a file.
        production: What the active slot adds.
        findings: Faults and warnings, with the paths of the document that asked.
    """

    name: str
    own: OwnPart
    parameters: Mapping[str, object]
    production: SlotAddition
    findings: tuple[Finding, ...]


class Pipelines:
    """Pipelines of the catalog and of the user's files.

    Args:
        catalog: Where names are looked up.
        validator: Gives the collector's own check; asked for only where it is needed, for it may be missing.
        exporters: What the block of a backend becomes, where `exporters` is `block:NAME`.
    """

    def __init__(
        self,
        catalog: Catalog,
        validator: Callable[[], ConfigValidator],
        exporters: Callable[[BlockName], Mapping[str, object]] | None = None,
    ) -> None:
        self._catalog = catalog
        self._validator = validator
        self._exporters = exporters

    def list(self) -> tuple[Pipeline, ...]:
        """Every pipeline of the catalog, by name."""
        return tuple(self._catalog.pipeline(name) for name in self._catalog.names())

    def show(self, name: str, settings: Mapping[str, str] | None = None) -> tuple[Pipeline, ResolvedPipeline]:
        """A catalog pipeline, and what it becomes with these settings (`--set NAME=TEXT`).

        Raises:
            SpecError: If the name is unknown or a setting is wrong.
        """
        pipeline = self._catalog.pipeline(name)
        resolution = self._resolution(pipeline, _from_settings(pipeline, settings or {}))
        _refuse(resolution.findings, f"{pipeline.name} cannot be rendered")
        return pipeline, _rendered(pipeline, resolution.values, None, ())

    def resolve(
        self,
        ref: PipelineRef,
        *,
        base_folder: Path,
        critical: Sequence[str] = (),
        scrape_interval: timedelta | None = None,
        path: str = "",
    ) -> ResolvedPipeline:
        """What a document's reference becomes.

        Args:
            ref: The reference.
            base_folder: Where a relative file name is looked up.
            critical: Patterns of the processes that matter; the value of a `critical` parameter that is not set.
            scrape_interval: Of the experiment; replaces the pipeline's own.
            path: Where in its document the reference stands, such as `spec.candidate`.

        Raises:
            SpecError: If there is no such pipeline or file, or a parameter is wrong; carries every fault.
        """
        if ref.file is not None:
            return self._resolve_file(ref.file, base_folder, critical, scrape_interval, path)
        return self._resolve_entry(ref, critical, scrape_interval, path)

    def named(self, name_or_file: str, settings: Mapping[str, str] | None = None) -> ResolvedPipeline:
        """The pipeline that a person named, fit to serve: nothing in it is an error.

        Args:
            name_or_file: Name or alias of the catalog, else a path.
            settings: Parameters of a catalog pipeline, as text (`--set NAME=TEXT`).

        Raises:
            SpecError: If there is no such pipeline, a setting is wrong, or a rule refuses the configuration; carries
                every fault.
        """
        if is_path(name_or_file):
            _refuse_settings(settings)
            resolved = self._resolve_file(name_or_file, Path(), (), None, "")
        else:
            _, resolved = self.show(name_or_file, settings)
        return fit_to_serve(resolved, name_or_file)

    def of_text(self, text: str, name: str) -> ResolvedPipeline:
        """A collector configuration that came as text; whether it may serve is told by its findings.

        Args:
            text: YAML.
            name: What to call it.

        Raises:
            SpecError: It is no mapping, or breaks a rule of YAML; carries every fault.
        """
        try:
            config = parse_mapping(text, name)
        except SpecError as fault:
            raise _at(fault, TEXT_PATH) from fault
        return _of_config(name, config, (), None, TEXT_PATH)

    def validate(self, name_or_file: str, settings: Mapping[str, str] | None = None) -> tuple[Finding, ...]:
        """Everything that is wrong with a pipeline: the YAML guard's findings, the collector's, the rules'.

        Args:
            name_or_file: Name or alias of the catalog, else a path.
            settings: Parameters of a catalog pipeline, as text.

        Raises:
            SpecError: If there is no such pipeline, or `settings` are given for a file.
            StateError, DependencyError: If there is no collector to ask and nothing else was found.
        """
        if not is_path(name_or_file):
            try:
                _, resolved = self.show(name_or_file, settings)
            except SpecError as fault:
                if not fault.findings:
                    raise
                return fault.findings
            config = slot_config(resolved.own, resolved.production).config
            return self._judge(config, str(resolved.parameters.get(CRITICAL_PARAMETER, "")))
        _refuse_settings(settings)
        try:
            config = load_mapping(Path(name_or_file))
        except SpecError as fault:
            return fault.findings
        return self._judge(config, "")

    def validate_text(self, text: str) -> tuple[Finding, ...]:
        """As `validate`, for a collector configuration that came as text."""
        try:
            config = parse_mapping(text, TEXT_PATH)
        except SpecError as fault:
            return fault.findings
        return self._judge(config, "")

    def _judge(self, config: Mapping[str, object], critical: str) -> tuple[Finding, ...]:
        rules = lint(config, critical=(critical,) if critical else ())
        try:
            complaint = self._validator().validate(dump_yaml(without_files(config)), SAMPLE_ENVIRON)
        except (StateError, DependencyError) as fault:
            if not rules:
                raise
            unasked = Finding(
                Severity.ERROR,
                "collector_not_asked",
                "",
                f"not checked by the collector: {fault.message}",
                fault.hint,
            )
            return (unasked, *rules)
        if complaint is None:
            return rules
        refused = Finding(
            Severity.ERROR, "refused_by_collector", "", complaint, "correct the configuration where it says"
        )
        return (refused, *rules)

    def _resolve_entry(
        self, ref: PipelineRef, critical: Sequence[str], scrape_interval: timedelta | None, path: str
    ) -> ResolvedPipeline:
        try:
            pipeline = self._catalog.pipeline(ref.pipeline or "")
        except SpecError as fault:
            raise _at(fault, join_path(path, "pipeline")) from fault
        given = {**_of_experiment(pipeline, critical, scrape_interval), **ref.parameters}
        resolution = self._resolution(pipeline, given, join_path(path, "parameters"))
        _refuse(resolution.findings, f"The parameters of {pipeline.name} are wrong")
        resolved = _rendered(pipeline, resolution.values, scrape_interval, critical)
        return replace(resolved, findings=_prefixed(resolved.findings, path))

    def _resolution(
        self, pipeline: Pipeline, given: Mapping[str, object], path: str = "parameters"
    ) -> Resolution:
        exporters = given.get(EXPORTERS_PARAMETER)
        if not isinstance(exporters, str) or not exporters.startswith(BLOCK_PREFIX):
            return resolve_parameters(pipeline.parameters, given, path=path)
        try:
            block = BlockName(exporters.removeprefix(BLOCK_PREFIX))
            found = self._exporters(block) if self._exporters else exporters
        except SpecError as fault:
            raise _at(fault, join_path(path, EXPORTERS_PARAMETER)) from fault
        return resolve_parameters(pipeline.parameters, {**given, EXPORTERS_PARAMETER: found}, path=path)

    def _resolve_file(
        self,
        file: str,
        base_folder: Path,
        critical: Sequence[str],
        scrape_interval: timedelta | None,
        path: str,
    ) -> ResolvedPipeline:
        where = join_path(path, "file")
        try:
            config = load_mapping(base_folder / Path(file).expanduser())
        except SpecError as fault:
            raise _at(fault, where) from fault
        return _of_config(file, config, critical, scrape_interval, where)


def fit_to_serve(resolved: ResolvedPipeline, called: str) -> ResolvedPipeline:
    """`resolved`, where nothing in it is an error.

    Args:
        resolved: The pipeline.
        called: What it was asked for as.

    Raises:
        SpecError: Code `wrong_pipeline`, with every finding.
    """
    if found := errors(resolved.findings):
        raise SpecError(
            f"{called} cannot be deployed: {found[0].reason}.",
            findings=resolved.findings,
            code="wrong_pipeline",
            hint=found[0].fix,
        )
    return resolved


def config_to_serve(resolved: ResolvedPipeline) -> str:
    """The whole configuration in the active slot, YAML text."""
    return dump_yaml(plain(slot_config(resolved.own, resolved.production).config))


def is_path(text: str) -> bool:
    """Whether it names a file: a name of the catalog has neither a slash nor an ending; `./NAME` is always a file."""
    return "/" in text or text.endswith((".yaml", ".yml", ".json"))


def _of_config(
    name: str,
    config: Mapping[str, object],
    critical: Sequence[str],
    scrape_interval: timedelta | None,
    where: str,
) -> ResolvedPipeline:
    own = own_part_of_file(config, scrape_interval=scrape_interval)
    # Exporters of the file are not used in an experiment, but a promotion hands production over to them.
    findings = (*own.findings, *lint(config, critical=critical))
    return ResolvedPipeline(name, own, {}, exporters_of_file(config), _prefixed(findings, where))


def _rendered(
    pipeline: Pipeline,
    values: Mapping[str, object],
    scrape_interval: timedelta | None,
    critical: Sequence[str],
) -> ResolvedPipeline:
    own = own_part(pipeline.template, values, scrape_interval=scrape_interval)
    production = SlotAddition(exporters=mapping_at(values, EXPORTERS_PARAMETER))
    config = slot_config(own, production).config
    # Judged by what the experiment calls critical; where it says nothing, by what the pipeline itself does.
    own_critical = values.get(CRITICAL_PARAMETER)
    judged = critical or ((own_critical,) if isinstance(own_critical, str) else ())
    findings = (*own.findings, *lint(config, critical=judged))
    return ResolvedPipeline(pipeline.name, own, values, production, findings)


def _of_experiment(
    pipeline: Pipeline, critical: Sequence[str], scrape_interval: timedelta | None
) -> dict[str, object]:
    """The values an experiment gives where the author of the reference gave none."""
    values: dict[str, object] = {}
    if critical and pipeline.has_parameter(CRITICAL_PARAMETER):
        values[CRITICAL_PARAMETER] = join_patterns(critical)
    if scrape_interval is not None and pipeline.has_parameter(INTERVAL_PARAMETER):
        values[INTERVAL_PARAMETER] = format_duration(scrape_interval)
    return values


def _from_settings(pipeline: Pipeline, settings: Mapping[str, str]) -> dict[str, object]:
    declared = {parameter.name: parameter for parameter in pipeline.parameters}
    return {
        name: _value_of(declared[name], text) if name in declared else text for name, text in settings.items()
    }


def _value_of(parameter: Parameter, text: str) -> object:
    return (
        exporters_of_text(text) if parameter.type is ParameterType.EXPORTERS else from_text(parameter, text)
    )


def _refuse_settings(settings: Mapping[str, str] | None) -> None:
    if settings:
        raise SpecError("A file has no parameters to set.", hint="leave out --set, or edit the file")


def _refuse(findings: Sequence[Finding], message: str) -> None:
    if found := errors(findings):
        raise SpecError(f"{message}: {found[0].reason}.", findings=found, code="wrong_parameters")


def _at(fault: SpecError, path: str) -> SpecError:
    """The same error, told from where the document named what is wrong."""
    findings = _prefixed(fault.findings, path) or (
        Finding(Severity.ERROR, fault.code, path, fault.message, fault.hint),
    )
    return SpecError(
        fault.message, findings=findings, code=fault.code, hint=fault.hint, details=fault.details
    )


def _prefixed(findings: Sequence[Finding], path: str) -> tuple[Finding, ...]:
    return tuple(replace(finding, path=join_path(path, finding.path)) for finding in findings)
