"""The guarded YAML load that every user document goes through, and the dump that people read.

Limits come before work: the size by `stat`, before a byte is read; nodes, depth and aliases while composing
(`phoenix.adapters.yaml.composer`). A refusal costs milliseconds whatever the document is.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import yaml

from phoenix.adapters.yaml.composer import Composer
from phoenix.adapters.yaml.scalars import reads_as_text
from phoenix.domain.errors import SpecError
from phoenix.domain.findings import Finding, Severity

MAX_BYTES = 1024 * 1024
"""A collector configuration of 1 MiB does not exist; a log file given by mistake does."""


def load_yaml(path: Path) -> object:
    """Read one YAML (or JSON) document of a file into plain values.

    Raises:
        SpecError: If the file cannot be read or the document breaks a rule; carries every fault.
    """
    return parse_yaml(_read(path), str(path))


def load_mapping(path: Path) -> dict[str, object]:
    """`load_yaml` for documents that must be a mapping.

    Raises:
        SpecError: As `load_yaml`, and if the document is something else (or empty).
    """
    return _as_mapping(load_yaml(path), str(path))


def parse_yaml(text: str, source: str) -> object:
    """Read one YAML document from text; `source` names it in the messages.

    Raises:
        SpecError: If the document breaks a rule; carries every fault.
    """
    documents = parse_documents(text, source)
    if len(documents) > 1:
        reason = f"holds {len(documents)} documents (separated by ---), one is expected"
        raise _refused(source, [_finding("yaml_documents", reason, "give each document a file of its own")])
    return documents[0] if documents else None


def parse_mapping(text: str, source: str) -> dict[str, object]:
    """`parse_yaml` for documents that must be a mapping."""
    return _as_mapping(parse_yaml(text, source), source)


def parse_documents(text: str, source: str) -> list[object]:
    """Read every document of a text."""
    if len(text) > MAX_BYTES:
        raise _refused(source, [_too_large(len(text))])
    composer = Composer(text)
    composer.run()
    if composer.findings:
        raise _refused(source, composer.findings)
    return composer.documents


def dump_yaml(value: object) -> str:
    """Readable YAML: block style, the given order, long lines whole, no aliases."""
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=False
    )


def _as_mapping(document: object, source: str) -> dict[str, object]:
    if isinstance(document, dict):
        return cast("dict[str, object]", document)
    found = (
        "is empty" if document is None else "is a list" if isinstance(document, list) else "is a single value"
    )
    raise _refused(
        source, [_finding("yaml_mapping", f"{found}, a mapping is expected", "write `key: value` lines")]
    )


def _read(path: Path) -> str:
    """The file's text, refused by its size before it is read; a pipe or a device is never waited for."""
    source = str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as fault:
        reason = f"cannot be read: {getattr(fault, 'strerror', None) or fault}"
        raise _refused(source, [_finding("file_unreadable", reason, "check the path")]) from fault
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _refused(source, [_finding("file_kind", "is not a regular file", "name a YAML file")])
        if status.st_size > MAX_BYTES:
            raise _refused(source, [_too_large(status.st_size)])
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise _refused(source, [_too_large(len(content))])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        reason = f"is not UTF-8 text (byte {fault.start})"
        raise _refused(source, [_finding("file_encoding", reason, "name a YAML file in UTF-8")]) from fault


def _too_large(size: int) -> Finding:
    reason = f"has {size:,} bytes, at most {MAX_BYTES:,} are read"
    return _finding("file_size", reason, "name the configuration itself")


def _finding(code: str, reason: str, fix: str) -> Finding:
    return Finding(Severity.ERROR, code, "", reason, fix)


def _refused(source: str, findings: list[Finding]) -> SpecError:
    first = findings[0]
    where = f" at {first.path}" if first.path else ""
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return SpecError(
        f"{source}{where}: {first.reason}{more}",
        findings=findings,
        code="invalid_document",
        hint=first.fix,
        details={"source": source},
    )


class _Dumper(yaml.CSafeDumper):
    """Repeats shared values in full, indents lists below their key, keeps multi-line text readable."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (the base class decides by the value)
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    # PyYAML quotes what YAML 1.1 would misread; the collector's reader has other numbers (1e3, 0o17) besides.
    style = "|" if "\n" in value else None if reads_as_text(value) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _mapping(dumper: _Dumper, value: Mapping[str, object]) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items())


_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(Mapping, _mapping)
