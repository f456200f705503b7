"""Targets as people name them: URIs, saved names and label selectors, resolved to hosts before anything starts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches

from phoenix.adapters.ports import HostDirectory
from phoenix.adapters.store.rules import unknown_target_name
from phoenix.adapters.stores import TargetStore
from phoenix.domain.deployment import TargetRecord
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError
from phoenix.domain.findings import Finding, Severity
from phoenix.domain.targets import (
    BlockName,
    Selector,
    TargetName,
    check_target_name,
    parse_labels,
    parse_selector,
    parse_target,
)

_MOST_LABELS = 8


class Targets:
    """The targets of this installation.

    Args:
        store: Gives the saved ones; asked only for a text that is no URI.
        hosts: Says which URIs lead to a host.
        has_saved: Whether the store can hold any: a mistyped name must not be what creates a database.
        block_uri: The canonical target that a block names.
    """

    def __init__(
        self,
        store: Callable[[], TargetStore],
        hosts: HostDirectory,
        has_saved: Callable[[], bool] = lambda: True,
        block_uri: Callable[[str], str] | None = None,
    ) -> None:
        self._store = store
        self._hosts = hosts
        self._has_saved = has_saved
        self._block_uri = block_uri

    def resolve(self, texts: Sequence[str], path: str = "targets") -> tuple[str, ...]:
        """The hosts that `texts` name, canonical, in their order, each once.

        Args:
            texts: Each `local`, `local://NAME`, `ssh://...`, a saved name, `block:NAME`, or a selector
                `key=value[,key=value]...`. By which block a host was named is remembered: whoever opens that host
                later asks it for its key.
            path: Where they stand, for the findings.

        Raises:
            SpecError: With every text that names no host; nothing was opened.
            DependencyError: A block is named, and its server cannot be asked.
        """
        found: list[str] = []
        faults: list[Finding] = []
        for index, text in enumerate(texts):
            try:
                found += self._hosts_of(text)
            except DependencyError:
                raise  # nothing is wrong with the text
            except PhoenixError as fault:
                reason, fix = fault.message, fault.hint
                faults.append(Finding(Severity.ERROR, fault.code, f"{path}[{index}]", reason, fix))
        if faults:
            raise _unusable(faults)
        return tuple(dict.fromkeys(found))

    def resolve_one(self, texts: Sequence[str], path: str = "targets") -> str:
        """The host of something that is about one; see `resolve`.

        Raises:
            SpecError: There are several.
        """
        first, *others = self.resolve(texts, path)
        if others:
            raise SpecError(f"This is about one host, and several are named: {', '.join((first, *others))}.")
        return first

    def add(self, name: str, uri: str, labels: Sequence[str] = ()) -> TargetRecord:
        """Save a target under a name, or change the one of that name; see `check`."""
        record = self.check(name, uri, labels)
        self._store().save(record)
        return record

    def check(self, name: str, uri: str, labels: Sequence[str] = ()) -> TargetRecord:
        """What `add` would save; looks at the form only, and saves nothing.

        Args:
            name: What a person will call it.
            uri: The target, or the block that names it; a name is refused, for what it stands for may change.
            labels: Each `key=value[,key=value]...`.

        Raises:
            SpecError: If one of them is not well formed, or there is no such block.
            DependencyError: The block's server cannot be asked.
        """
        check_target_name(name)
        target = parse_target(uri)
        if isinstance(target, TargetName):
            raise SpecError(
                f"{name} cannot stand for {uri}, which is a name itself",
                code="unknown_target",
                hint="give the URI: local://NAME or ssh://[USER@]HOST[:PORT]",
            )
        if isinstance(target, BlockName):
            return replace(self._of_block(target), name=name, labels=parse_labels(*labels))
        self._hosts.check(target.canonical)
        return TargetRecord(name, target.canonical, parse_labels(*labels), datetime.now(UTC))

    def remove(self, name: str) -> TargetRecord:
        """Forget a saved target; what runs on its host stays.

        Raises:
            StateError: Code `unknown_target_name`, with near matches.
        """
        record = self.get(name)
        self._store().remove(name)
        return record

    def get(self, name: str) -> TargetRecord:
        """A saved target.

        Raises:
            StateError: Code `unknown_target_name`, with near matches.
        """
        if not self._has_saved():
            raise unknown_target_name(name, ())
        return self._store().get(name)

    def list(self, selector: str | None = None) -> tuple[TargetRecord, ...]:
        """The saved targets by name; with a selector `key=value[,key=value]...` those that carry all its labels."""
        wanted = {} if selector is None else dict(parse_selector(selector).wanted)
        return self._store().select(wanted) if self._has_saved() else ()

    def _hosts_of(self, text: str) -> Iterable[str]:
        if "=" in text and "://" not in text:
            return self._selected(parse_selector(text))
        target = parse_target(text)
        if isinstance(target, BlockName):
            record = self._of_block(target)
            self._store().save(record)
            return (record.uri,)
        uri = self.get(target.name).uri if isinstance(target, TargetName) else target.canonical
        self._hosts.check(uri)
        return (uri,)

    def _of_block(self, block: BlockName) -> TargetRecord:
        """What a block names, under a name that no person can give."""
        if self._block_uri is None:
            raise SpecError(f"{block.canonical}: no blocks here", code="unknown_block", hint="give the URI")
        uri = self._block_uri(block.name)
        self._hosts.check(uri)
        return TargetRecord(block.canonical, uri, {}, datetime.now(UTC), block.name)

    def _selected(self, selector: Selector) -> Sequence[str]:
        saved = self.list()
        found = [record.uri for record in saved if selector.matches(record.labels)]
        for uri in found:
            self._hosts.check(uri)
        if not found:
            raise _nothing_selected(selector, saved)
        return found


def target_document(record: TargetRecord) -> dict[str, object]:
    """A saved target, the same for every door."""
    return {
        "name": record.name,
        "uri": record.uri,
        "labels": dict(record.labels),
        "block": record.block or None,
        "createdAt": record.created_at.isoformat(),
    }


def _nothing_selected(selector: Selector, saved: Sequence[TargetRecord]) -> SpecError:
    labels = sorted({f"{key}={value}" for record in saved for key, value in record.labels.items()})
    near = get_close_matches(selector.canonical, labels, n=3) or labels[:_MOST_LABELS]
    return SpecError(
        f"No saved target carries {selector.canonical}.",
        code="nothing_selected",
        hint=f"labels in use: {', '.join(near)}"
        if near
        else "no saved target has labels: phoenix config target list",
    )


def _unusable(faults: Sequence[Finding]) -> SpecError:
    if len(faults) == 1:
        (fault,) = faults
        return SpecError(fault.reason, findings=faults, code=fault.code, hint=fault.fix)
    return SpecError(f"{len(faults)} targets name no host.", findings=faults, code="unknown_target")
