"""Files that a document names and that came along with it: a server never opens what it was not given."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from phoenix.domain.errors import SpecError
from phoenix.domain.findings import Finding, Severity
from phoenix.domain.load.profile import names_file
from phoenix.domain.samples import Variant
from phoenix.domain.scenario import from_scenario, is_scenario
from phoenix.domain.trees import mapping_at

MOST_BYTES = 1_000_000
"""Of all files together; a collector configuration has some kilobytes."""

_LONGEST_NAME = 200
"""Bytes; a file system takes 255."""


@contextmanager
def laid_out(document: Mapping[str, object], files: Mapping[str, str]) -> Generator[Path]:
    """A folder with exactly these files, gone with the context.

    Raises:
        SpecError: The document names a file that did not come along, or a file has a name that leads elsewhere.
    """
    _refuse(document, files)
    with TemporaryDirectory(prefix="phoenix-given-") as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        yield Path(folder)


def file_refused(path: str, name: str, fix: str) -> SpecError:
    """The error for a file that a request names where no file can come along.

    Args:
        path: Where in the request it stands.
        name: As it was written.
        fix: What to send instead.
    """
    fault = _not_given(path, name, fix)
    return SpecError(f"{path}: {fault.reason}.", findings=(fault,), code=fault.code, hint=fault.fix)


def _not_given(path: str, name: str, fix: str) -> Finding:
    reason = f"{name!r} did not come along: a server opens no files of its own for a document"
    return Finding(Severity.ERROR, "file_not_given", path, reason, fix)


def _is_plain(name: str) -> bool:
    """Whether it stays in its folder: no separator, no `~` that becomes somebody's home, nothing hidden or invisible."""
    is_short = len(name.encode("utf-8", "surrogatepass")) <= _LONGEST_NAME
    return name[:1] not in ("", "~", ".") and "/" not in name and name.isprintable() and is_short


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _refuse(document: Mapping[str, object], files: Mapping[str, str]) -> None:
    faults = [
        Finding(
            Severity.ERROR,
            "file_name",
            f"files.{name}",
            f"{name!r} is no plain file name",
            "a name without folders, such as candidate.yaml",
        )
        for name in files
        if not _is_plain(name)
    ]
    faults += [
        Finding(
            Severity.ERROR, "file_text", f"files.{name}", "it is no text that UTF-8 can hold", "send text"
        )
        for name, text in files.items()
        if not _is_text(text)
    ]
    if sum(len(text.encode("utf-8", "surrogatepass")) for text in files.values()) > MOST_BYTES:
        faults.append(
            Finding(Severity.ERROR, "files_too_large", "files", f"more than {MOST_BYTES} bytes", "send less")
        )
    faults += [
        _not_given(path, name, "send its text in `files`, by the very name that the document uses")
        for path, name in _named(document)
        if name not in files
    ]
    if faults:
        raise SpecError(
            f"The files of the document are not right: {faults[0].path}: {faults[0].reason}.",
            findings=faults,
            code=faults[0].code,
            hint=faults[0].fix,
        )


def _named(document: Mapping[str, object]) -> Generator[tuple[str, str]]:
    """Whatever would be opened: of each variant, and a profile of a load that is a file."""
    keyed: dict[object, object] = {**document}
    content = from_scenario(keyed) if is_scenario(keyed) else document
    for variant in Variant:
        file = mapping_at(content, "spec", variant.value).get("file")
        if isinstance(file, str):
            yield f"spec.{variant}.file", file
    profile = mapping_at(content, "spec", "load").get("profile")
    if isinstance(profile, str) and names_file(profile):
        yield "spec.load.profile", profile
