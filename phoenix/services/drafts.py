"""Turns a document into a checked draft: spec, plan and findings; nothing is started and nothing is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from phoenix.adapters.catalog import Catalog
from phoenix.adapters.yaml.documents import load_mapping
from phoenix.domain.errors import SpecError
from phoenix.domain.experiment import (
    API_VERSION,
    Approval,
    ExperimentDocument,
    ExperimentSpec,
    Metadata,
    read_document,
)
from phoenix.domain.findings import Finding, Severity, errors
from phoenix.domain.load.plan import LoadPlan
from phoenix.domain.load.profile import LoadSpec
from phoenix.domain.metrics import Metric
from phoenix.domain.phases import OnPromote
from phoenix.domain.pipelines.pipeline import PipelineRef
from phoenix.domain.samples import Variant
from phoenix.domain.trees import mapping_at, strings_at
from phoenix.manifests.collector import counts_each_byte_once
from phoenix.manifests.plan import Arm, Plan
from phoenix.services.load_plans import load_plan
from phoenix.services.pipelines import Pipelines, ResolvedPipeline
from phoenix.services.targets import Targets


@dataclass(frozen=True, slots=True)
class Draft:
    """An experiment that may be started.

    Attributes:
        document: As its author wrote it, with the targets resolved to hosts.
        asked: The targets as its author wrote them.
        plan: Everything resolved.
        findings: Warnings that are shown and kept; errors have refused it already.
    """

    document: ExperimentDocument
    asked: tuple[str, ...]
    plan: Plan
    findings: tuple[Finding, ...]


class Drafts:
    """Reads and checks experiments."""

    def __init__(self, pipelines: Pipelines, catalog: Catalog, targets: Targets) -> None:
        self._pipelines = pipelines
        self._catalog = catalog
        self._targets = targets

    def read(self, path: Path) -> Draft:
        """Read a file.

        Raises:
            SpecError: With every fault of the document, each with its path.
        """
        return self.check(load_mapping(path), path.resolve().parent)

    def of(self, name: str, spec: ExperimentSpec) -> Draft:
        """Check a spec that came without a file; the files it names are named from the root.

        Raises:
            SpecError: With every fault of the document, each with its path.
        """
        document = ExperimentDocument(
            api_version=API_VERSION, kind="Experiment", metadata=Metadata(name=name), spec=spec
        )
        return self.check(document.as_document(), Path("/"))

    def check(self, content: object, folder: Path) -> Draft:
        """Check a parsed document; relative file names in it are looked up in `folder`.

        Raises:
            SpecError: With every fault of the document, each with its path.
        """
        try:
            document = read_document(content)
        except SpecError as invalid:
            raise self._with_names(invalid, content, folder) from invalid
        spec = document.spec
        faults: list[Finding] = []
        references = {Variant.BASELINE: spec.baseline, Variant.CANDIDATE: spec.candidate}
        arms = {
            variant: self._resolve(reference, variant, folder, faults, spec)
            for variant, reference in references.items()
        }
        load = self._load(spec.load, folder, faults) if spec.load else None
        hosts = self._resolved_targets(spec.targets, faults)
        faults.extend(_uncounted_bytes(document, arms))
        faults.extend(_unasked_approval(spec))
        baseline, candidate = arms[Variant.BASELINE], arms[Variant.CANDIDATE]
        findings = (*faults, *(f for arm in arms.values() if arm for f in arm.findings))
        if errors(findings) or baseline is None or candidate is None:
            raise _refused(findings)
        plan = Plan(_arm(baseline), _arm(candidate), load.request() if load else None)
        return Draft(_on_hosts(document, hosts), spec.targets, plan, findings)

    def _with_names(self, invalid: SpecError, content: object, folder: Path) -> SpecError:
        """The refusal of a document with wrong fields, and what is wrong with the names it holds besides."""
        spec = mapping_at(content, "spec")
        faults: list[Finding] = []
        for variant in Variant:
            try:
                reference = PipelineRef.model_validate(spec.get(variant))
            except ValidationError:
                continue  # among the wrong fields
            if resolved := self._resolve(reference, variant, folder, faults):
                faults.extend(resolved.findings)
        if load := _readable_load(mapping_at(spec, "load")):
            self._load(load, folder, faults)
        self._resolved_targets(strings_at(spec, "targets"), faults)
        refusing = errors(faults)
        return _refused((*invalid.findings, *refusing)) if refusing else invalid

    def _resolve(
        self,
        reference: PipelineRef,
        variant: Variant,
        folder: Path,
        faults: list[Finding],
        spec: ExperimentSpec | None = None,
    ) -> ResolvedPipeline | None:
        path = f"spec.{variant}"
        try:
            return self._pipelines.resolve(
                reference,
                base_folder=folder,
                critical=spec.critical_processes if spec else (),
                scrape_interval=spec.scrape_interval if spec else None,
                path=path,
            )
        except SpecError as fault:
            faults.extend(_as_findings(fault, path))
            return None

    def _load(self, load: LoadSpec, folder: Path, faults: list[Finding]) -> LoadPlan | None:
        try:
            return load_plan(self._catalog, load, folder, "spec.load")
        except SpecError as fault:
            faults.extend(fault.findings)
            return None

    def _resolved_targets(self, targets: Sequence[str], faults: list[Finding]) -> tuple[str, ...]:
        try:
            return self._targets.resolve(targets, "spec.targets")
        except SpecError as fault:
            faults.extend(fault.findings)
            return ()


def _refused(findings: Sequence[Finding]) -> SpecError:
    count = len(errors(findings))
    words = "1 fault" if count == 1 else f"{count} faults"
    return SpecError(f"The experiment cannot be started: {words}.", findings=findings)


def _readable_load(load: Mapping[str, object]) -> LoadSpec | None:
    """What can be said of a load in a document with wrong fields: all of it, else its profile by itself."""
    for fields in (load, {"profile": load.get("profile")}):
        try:
            return LoadSpec.model_validate(fields)
        except ValidationError:
            continue  # among the wrong fields
    return None


def _on_hosts(document: ExperimentDocument, hosts: tuple[str, ...]) -> ExperimentDocument:
    """What a name or a label stands for may change; the hosts of an experiment do not."""
    spec = document.spec.model_copy(update={"targets": hosts})
    return document.model_copy(update={"spec": spec})


def _arm(resolved: ResolvedPipeline) -> Arm:
    return Arm(resolved.name, resolved.own, resolved.production)


def _uncounted_bytes(
    document: ExperimentDocument, arms: Mapping[Variant, ResolvedPipeline | None]
) -> Iterable[Finding]:
    """Bytes may only decide where both variants count each of them once."""
    if all(criterion.metric is not Metric.BYTES_PER_SECOND for criterion in document.spec.criteria()):
        return
    for variant, arm in arms.items():
        if arm is not None and not counts_each_byte_once(arm.own):
            yield Finding(
                Severity.ERROR,
                "bytes_not_counted",
                f"spec.{variant}",
                "bytes_per_second cannot be judged: they are counted by the batch processor, and this pipeline does "
                "not end in exactly one",
                "make `batch` the last processor of each metrics pipeline, once, or judge datapoints_per_second",
            )


def _unasked_approval(spec: ExperimentSpec) -> Iterable[Finding]:
    """The defaults say nothing, and a form fills them in."""
    if spec.on_promote is not OnPromote.APPROVE and spec.approval != Approval():
        yield Finding(
            Severity.WARNING,
            "approval_not_asked",
            "spec.approval",
            f"onPromote is {spec.on_promote.value}: nobody is asked, and `approval` has no effect",
            "leave it out, or set onPromote: approve",
        )


def _as_findings(fault: SpecError, path: str) -> tuple[Finding, ...]:
    if fault.findings:
        return fault.findings
    return (Finding(Severity.ERROR, fault.code, path, fault.message, fault.hint),)
