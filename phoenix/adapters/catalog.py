"""The catalog on disk: pipelines and load profiles, of the user first, then those shipped with Phoenix.

FOLDER/pipelines/NAME/{collector.yaml,pipeline.yaml,README.md}
FOLDER/loads/NAME.yaml
"""

from collections.abc import Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from phoenix.adapters.yaml.documents import load_mapping, load_yaml
from phoenix.domain.errors import SpecError
from phoenix.domain.findings import Finding
from phoenix.domain.pipelines.document import PipelineDocument, read_pipeline_document
from phoenix.domain.pipelines.parameters import ParameterType
from phoenix.domain.pipelines.pipeline import Pipeline
from phoenix.domain.trees import mapping_at, strings_at
from phoenix.manifests.templates import template_faults


def shipped_folder() -> Path:
    """The catalog that comes with Phoenix."""
    # `catalog` is a namespace package without code; only something inside it has a definite place.
    return Path(str(files("catalog").joinpath("pipelines"))).parent


class Catalog:
    """Finds entries by name or alias.

    Args:
        folders: Searched in this order; an entry of an earlier folder hides one of the same name in a later.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    def names(self) -> tuple[str, ...]:
        """Names of all pipelines, sorted."""
        return tuple(sorted(self._entries()))

    def pipeline(self, name: str) -> Pipeline:
        """The entry of that name or alias.

        Raises:
            SpecError: If there is none (with near matches), or if the entry is faulty (with every fault).
        """
        entries = self._entries()
        if name in entries:
            return _read_entry(entries[name])
        for folder in entries.values():
            if name in _aliases(folder / "pipeline.yaml"):
                return _read_entry(folder)
        known = [
            *sorted(entries),
            *(alias for folder in entries.values() for alias in _aliases(folder / "pipeline.yaml")),
        ]
        raise _unknown("pipeline", name, known, "unknown_pipeline")

    def load_profile(self, name: str) -> dict[str, object]:
        """The document of the profile of that name or alias, as it was written.

        Raises:
            SpecError: If there is none (with near matches), or its file is no valid document or has another name in it.
        """
        profiles = self._profiles()
        if name in profiles:
            return _read_profile(profiles[name])
        # Resolved here and nowhere else: what another name stands for is said in the documents, as for pipelines.
        for source in profiles.values():
            if name in _aliases(source):
                return _read_profile(source)
        known = [*sorted(profiles), *(alias for source in profiles.values() for alias in _aliases(source))]
        raise _unknown("load profile", name, known, "unknown_load_profile")

    def load_profile_names(self) -> tuple[str, ...]:
        """Names of all load profiles, sorted."""
        return tuple(sorted(self._profiles()))

    def _entries(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for document in sorted(folder.glob("pipelines/*/pipeline.yaml")):
                found.setdefault(document.parent.name, document.parent)
        return found

    def _profiles(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for document in sorted(folder.glob("loads/*.yaml")):
                found.setdefault(document.stem, document)
        return found


def _aliases(document: Path) -> list[str]:
    """Without checking the entry: one that is faulty must not stand in the way of the others."""
    try:
        return strings_at(mapping_at(load_yaml(document)), "aliases")
    except SpecError:
        return []


def _read_entry(folder: Path) -> Pipeline:
    source = folder / "pipeline.yaml"
    document = read_pipeline_document(load_mapping(source))
    if not isinstance(document, PipelineDocument):
        raise _faulty(source, document)
    if document.name != folder.name:
        raise SpecError(f"{source}: the entry names itself {document.name!r}, its folder is {folder.name!r}.")
    parameters = tuple(declared.parameter() for declared in document.parameters)
    template = load_mapping(folder / "collector.yaml")
    fits = {parameter.name for parameter in parameters if parameter.type is not ParameterType.EXPORTERS}
    if faults := template_faults(template, fits):
        raise _faulty(folder / "collector.yaml", faults)
    return Pipeline(
        name=document.name,
        aliases=document.aliases,
        title=document.title,
        description=document.description,
        expected_reduction=document.expected_reduction,
        parameters=parameters,
        template=template,
        page=_page(folder / "README.md"),
    )


def _read_profile(source: Path) -> dict[str, object]:
    document = load_mapping(source)
    if document.get("name") != source.stem:
        raise SpecError(
            f"{source}: the load profile names itself {document.get('name')!r}, its file is {source.stem!r}."
        )
    return document


def _page(path: Path) -> str:
    """A page is welcome and not required."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _faulty(source: Path, findings: tuple[Finding, ...]) -> SpecError:
    first = findings[0]
    return SpecError(
        f"{source}: {first.path}: {first.reason}",
        findings=findings,
        code="catalog_entry",
        hint="correct the catalog entry",
        details={"source": str(source)},
    )


def _unknown(kind: str, name: str, known: Sequence[str], code: str) -> SpecError:
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
    return SpecError(f"There is no {kind} {name!r} in the catalog.", code=code, hint=hint)
