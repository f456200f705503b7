"""Turns a document into a checked draft: spec, plan and findings; nothing is started and nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from phoenix.adapters.catalog import Catalog
from phoenix.adapters.documents import load_mapping
from phoenix.adapters.ports import HostDirectory
from phoenix.domain.errors import SpecError
from phoenix.domain.experiment import ExperimentDocument, read_document
from phoenix.domain.findings import Finding, Severity, errors
from phoenix.domain.load import parse_profile
from phoenix.domain.load import plan as plan_load
from phoenix.domain.pipeline import PipelineRef
from phoenix.domain.samples import Variant
from phoenix.manifests.plan import Arm, Plan
from phoenix.services.pipelines import Pipelines, ResolvedPipeline


@dataclass(frozen=True, slots=True)
class Draft:
    """An experiment that may be started.

    Attributes:
        document: As its author wrote it.
        plan: Everything resolved.
        findings: Warnings that are shown and kept; errors have refused it already.
    """

    document: ExperimentDocument
    plan: Plan
    findings: tuple[Finding, ...]


class Drafts:
    """Reads and checks experiments."""

    def __init__(self, pipelines: Pipelines, catalog: Catalog, hosts: HostDirectory) -> None:
        self._pipelines = pipelines
        self._catalog = catalog
        self._hosts = hosts

    def read(self, path: Path) -> Draft:
        """Read a file.

        Raises:
            SpecError: With every fault of the document, each with its path.
        """
        return self.check(load_mapping(path), path.resolve().parent)

    def check(self, content: object, folder: Path) -> Draft:
        """Check a parsed document; relative file names in it are looked up in `folder`.

        Raises:
            SpecError: With every fault of the document, each with its path.
        """
        document = read_document(content)
        faults: list[Finding] = []
        arms = {v: self._resolve(document, v, folder, faults) for v in Variant}
        load = self._load(document, faults)
        for index, target in enumerate(document.spec.targets):
            try:
                self._hosts.check(target)
            except SpecError as fault:
                faults.extend(_as_findings(fault, f"spec.targets[{index}]"))
        baseline, candidate = arms[Variant.BASELINE], arms[Variant.CANDIDATE]
        findings = (*faults, *(f for arm in arms.values() if arm for f in arm.findings))
        if errors(findings) or baseline is None or candidate is None:
            refusing = errors(findings)
            count = "1 fault" if len(refusing) == 1 else f"{len(refusing)} faults"
            raise SpecError(f"The experiment cannot be started: {count}.", findings=findings)
        seed = document.spec.load.seed if document.spec.load else 0
        return Draft(document, Plan(_arm(baseline), _arm(candidate), load, seed), findings)

    def _resolve(
        self, document: ExperimentDocument, variant: Variant, folder: Path, faults: list[Finding]
    ) -> ResolvedPipeline | None:
        spec = document.spec
        reference: PipelineRef = spec.baseline if variant is Variant.BASELINE else spec.candidate
        path = f"spec.{variant}"
        try:
            return self._pipelines.resolve(
                reference,
                base_folder=folder,
                critical=spec.critical_processes,
                scrape_interval=spec.scrape_interval,
                path=path,
            )
        except SpecError as fault:
            faults.extend(_as_findings(fault, path))
            return None

    def _load(self, document: ExperimentDocument, faults: list[Finding]) -> list[Mapping[str, object]] | None:
        wanted = document.spec.load
        if wanted is None:
            return None
        try:
            profile = parse_profile(self._catalog.load_profile(wanted.profile))
        except SpecError as fault:
            faults.extend(_as_findings(fault, "spec.load.profile"))
            return None
        planned = plan_load(profile, wanted.processes, wanted.seed)
        return [pattern.message() for pattern in planned.patterns]


def _arm(resolved: ResolvedPipeline) -> Arm:
    return Arm(resolved.name, resolved.own, resolved.production)


def _as_findings(fault: SpecError, path: str) -> tuple[Finding, ...]:
    if fault.findings:
        return fault.findings
    return (Finding(Severity.ERROR, fault.code, path, fault.message, fault.hint),)
