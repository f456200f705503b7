"""What a load comes to: its profile found, set and checked, and the processes counted."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from phoenix.adapters.catalog import Catalog
from phoenix.adapters.yaml.documents import load_mapping
from phoenix.domain.errors import SpecError
from phoenix.domain.findings import Finding, Severity
from phoenix.domain.load.plan import LoadPlan, plan
from phoenix.domain.load.profile import LoadProfile, LoadSpec, names_file
from phoenix.domain.load.settings import profile_with
from phoenix.domain.paths import join_path


def load_plan(catalog: Catalog, spec: LoadSpec, folder: Path, path: str = "") -> LoadPlan:
    """What a load spec starts on each host.

    Args:
        catalog: Where a profile's name is looked up.
        spec: The load asked for.
        folder: Where the relative name of a profile's file is looked up.
        path: Where the spec stands in its document, such as `spec.load`.

    Raises:
        SpecError: With every fault, each with its path below `path`.
    """
    profile = load_profile(catalog, spec, folder, path)
    try:
        return plan(profile, spec.processes, spec.churn_rate, spec.seed)
    except SpecError as fault:
        raise _told_from(fault, _below(path, fault.findings)) from fault


def load_profile(catalog: Catalog, spec: LoadSpec, folder: Path, path: str = "") -> LoadProfile:
    """The profile that a load spec names, with its settings; arguments and errors as of `load_plan`."""
    document = _document(catalog, spec.profile, folder, join_path(path, "profile"))
    try:
        return profile_with(document, spec.settings)
    except SpecError as fault:
        raise _told_from(fault, _below(path, fault.findings)) from fault


def _document(catalog: Catalog, profile: str, folder: Path, path: str) -> Mapping[str, object]:
    try:
        return load_mapping(folder / profile) if names_file(profile) else catalog.load_profile(profile)
    except SpecError as fault:
        # The message names the file; where in it the first fault is stands there too.
        reason, fix = fault.message.rstrip("."), fault.hint
        raise _told_from(fault, [Finding(Severity.ERROR, fault.code, path, reason, fix)]) from fault


def _below(path: str, findings: Iterable[Finding]) -> list[Finding]:
    return [replace(finding, path=join_path(path, finding.path)) for finding in findings]


def _told_from(fault: SpecError, findings: list[Finding]) -> SpecError:
    """The same error, told from where the document asked for what is wrong."""
    return SpecError(
        fault.message, findings=findings, code=fault.code, hint=fault.hint, details=fault.details
    )
