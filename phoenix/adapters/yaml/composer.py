"""Builds plain values from YAML events under limits, so that no document can cost more than a small one.

PyYAML's own composer expands what it is given: duplicate keys silently win, aliases grow without bound, deep nesting
ends in a RecursionError. This one keeps its own stack, counts what every alias stands for before it is used, and goes on
after a fault that leaves the structure known, so that all faults are reported at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import yaml

from phoenix.adapters.yaml.scalars import plain_value, reads_as_text
from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path

MAX_NODES = 10_000
"""Five times the largest collector configuration we have met; an alias counts for all that it stands for."""

MAX_DEPTH = 64
"""Four times the deepest collector configuration we have met."""

MAX_FINDINGS = 50
"""Nobody reads more, and a hostile document could hold hundreds of thousands."""


class StopComposingError(Exception):
    """The rest of the document cannot be read; the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.reason)
        self.finding = finding


@dataclass(slots=True)
class _Frame:
    """An open mapping or sequence."""

    value: dict[str, object] | list[object]
    anchor: str | None
    line: int
    size: int = 1
    key: str | None = None
    awaits_key: bool = True
    lines: dict[str, int] = field(default_factory=dict[str, int])
    merged: list[object] = field(default_factory=list[object])


@dataclass(slots=True)
class _Known:
    """What an anchor stands for; `size` counts its nodes, expanded."""

    value: object
    size: int


class Composer:
    """Composes the documents of one text.

    Attributes:
        documents: What was read, one plain value a document; of use only where `findings` is empty.
        findings: Every fault met.
    """

    def __init__(self, text: str) -> None:
        self.documents: list[object] = []
        self.findings: list[Finding] = []
        self._text = text
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Known] = {}
        self._nodes = 0

    def run(self) -> None:
        """Read everything, or up to the first fault that hides the rest."""
        try:
            for event in _events(self._text):
                self._handle(event)
        except StopComposingError as stop:
            self.findings.append(stop.finding)

    def _handle(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._anchors.clear()
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.MappingStartEvent():
                self._open({}, event)
            case yaml.SequenceStartEvent():
                self._open([], event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case _:
                pass

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._check_tag(event)
        line = _line(event)
        plain = not event.style  # None or empty, by parser
        frame = self._stack[-1] if self._stack else None
        if frame and isinstance(frame.value, dict) and frame.awaits_key:
            self._count(1, line)
            self._key(frame, event.value, line, merge=plain and event.value == "<<", plain=plain)
            return
        try:
            value = plain_value(event.value) if plain else event.value
        except ValueError as fault:
            value = None
            self._fault("yaml_value", f"line {line}: {fault}", "write a finite number, or quote the text")
        self._count(1, line)
        self._add(value, 1, event.anchor)

    def _key(self, frame: _Frame, key: str, line: int, *, merge: bool, plain: bool) -> None:
        frame.awaits_key = False
        frame.key = key
        if merge:
            frame.key = None
            return
        if key in frame.lines:
            first = frame.lines[key]
            self._fault(
                "yaml_duplicate_key",
                f"line {line}: the key is given twice, first on line {first}; only one of the values would count",
                "keep one of them",
            )
        frame.lines.setdefault(key, line)
        if plain and not reads_as_text(key):
            self._fault("yaml_key", f"line {line}: the key {key!r} is not text", "put the key in quotes")

    def _alias(self, event: yaml.AliasEvent) -> None:
        line = _line(event)
        name = cast("str", event.anchor)
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].awaits_key:
            raise self._stop(
                "yaml_key", f"line {line}: an alias (*{name}) stands as a key", "write the key itself"
            )
        if name not in self._anchors:
            reason = f"line {line}: the alias *{name} stands for nothing above it, or for what it is itself part of"
            raise self._stop("yaml_alias", reason, "write the value in full")
        known = self._anchors[name]
        self._count(known.size, line)
        self._add(known.value, known.size, None)

    def _open(self, value: dict[str, object] | list[object], event: yaml.CollectionStartEvent) -> None:
        self._check_tag(event)
        line = _line(event)
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].awaits_key:
            raise self._stop(
                "yaml_key", f"line {line}: a list or a mapping stands as a key", "use text as the key"
            )
        if len(self._stack) >= MAX_DEPTH:
            raise self._stop(
                "yaml_depth", f"line {line}: nested deeper than {MAX_DEPTH} levels", "flatten it"
            )
        self._count(1, line)
        self._stack.append(_Frame(value, event.anchor, line))

    def _close(self) -> None:
        frame = self._stack.pop()
        if isinstance(frame.value, dict):
            self._merge(frame, frame.value)
        self._add(frame.value, frame.size, frame.anchor)

    def _add(self, value: object, size: int, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = _Known(value, size)
        if not self._stack:
            self.documents.append(value)
            return
        frame = self._stack[-1]
        frame.size += size
        if isinstance(frame.value, list):
            frame.value.append(value)
            return
        if frame.key is None:
            frame.merged.extend(cast("list[object]", value) if isinstance(value, list) else [value])
        else:
            frame.value[frame.key] = value
        frame.awaits_key = True

    def _merge(self, frame: _Frame, target: dict[str, object]) -> None:
        """`<<: *base`: what the mapping says itself wins, then the earlier of the merged."""
        for part in frame.merged:
            if not isinstance(part, dict):
                self._fault("yaml_merge", f"line {frame.line}: `<<` merges mappings only", "merge a mapping")
                continue
            for key, value in cast("dict[str, object]", part).items():
                target.setdefault(key, value)

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            self._fault(
                "yaml_tag", f"line {_line(event)}: the tag {event.tag!r} is not read here", "remove the tag"
            )

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            reason = f"line {line}: more than {MAX_NODES} values, aliases expanded"
            raise self._stop("yaml_size", reason, "split the document, and use fewer aliases")

    def _fault(self, code: str, reason: str, fix: str) -> None:
        if len(self.findings) >= MAX_FINDINGS:
            raise self._stop(
                "yaml_faults", f"more than {MAX_FINDINGS} faults", "correct the ones above first"
            )
        self.findings.append(Finding(Severity.ERROR, code, self._path(), reason, fix))

    def _stop(self, code: str, reason: str, fix: str) -> StopComposingError:
        return StopComposingError(Finding(Severity.ERROR, code, self._path(), reason, fix))

    def _path(self) -> str:
        parts: list[str | int] = []
        for frame in self._stack[:8]:
            if isinstance(frame.value, list):
                parts.append(len(frame.value))
            elif frame.key and not frame.awaits_key:
                parts.append(frame.key[:100])
        return join_path(*parts)


def _events(text: str) -> Iterator[yaml.Event]:
    """The C parser's events; it reads only as far as it is asked to."""
    parser = yaml.CSafeLoader(text)
    try:
        while parser.check_event():
            yield cast("yaml.Event", parser.get_event())
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 0
        raise _syntax(f"line {line}: {fault.problem or fault.context}") from fault
    except yaml.YAMLError as fault:
        raise _syntax(" ".join(str(fault).split())[:200]) from fault
    finally:
        parser.dispose()


def _syntax(reason: str) -> StopComposingError:
    return StopComposingError(Finding(Severity.ERROR, "yaml_syntax", "", reason, "correct the YAML there"))


def _line(event: yaml.Event) -> int:
    return cast("int", event.start_mark.line) + 1
