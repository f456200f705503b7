"""A `BlockLibrary` in memory, held to the contract suite of the real one (tests/contracts/test_block_library.py)."""

from difflib import get_close_matches

from phoenix.adapters.ports import BlockLibrary
from phoenix.domain.errors import PhoenixError, SpecError
from phoenix.domain.logins import TargetBlock
from phoenix.domain.otlp import OtlpBackend


class FakeBlocks(BlockLibrary):
    """Blocks by slug and name.

    Attributes:
        asked: The verbs that were called, with the name.
        trouble: Raised by every verb, if set.
    """

    def __init__(self) -> None:
        self.targets: dict[tuple[str, str], TargetBlock] = {}
        self.backends: dict[str, OtlpBackend] = {}
        self.asked: list[tuple[str, str]] = []
        self.trouble: PhoenixError | None = None

    def uri(self, name: str) -> str:
        return self._target("uri", name).uri

    def target(self, name: str) -> TargetBlock:
        return self._target("target", name)

    def backend(self, name: str) -> OtlpBackend:
        self._note("backend", name)
        if name not in self.backends:
            raise _unknown(name, list(self.backends))
        return self.backends[name]

    def _target(self, verb: str, name: str) -> TargetBlock:
        self._note(verb, name)
        found = {slug: block for (slug, one), block in self.targets.items() if one == name}
        if len(found) > 1:
            raise SpecError(
                " or ".join(f"{slug}/{name}" for slug in sorted(found)), code="ambiguous_block", hint="rename"
            )
        if not found:
            raise _unknown(name, [one for _, one in self.targets])
        return next(iter(found.values()))

    def _note(self, verb: str, name: str) -> None:
        self.asked.append((verb, name))
        if self.trouble:
            raise self.trouble


def _unknown(name: str, known: list[str]) -> SpecError:
    near = get_close_matches(name, known, n=3) or known
    return SpecError(f"no {name}", code="unknown_block", hint=", ".join(near))
