"""Backends that blocks hold: the exporters they become, and the values of the variables that those refer to."""

from collections.abc import Mapping

from phoenix.adapters.hosts.binary import referenced_environment, referenced_names
from phoenix.adapters.ports import BlockLibrary
from phoenix.domain.otlp import block_of
from phoenix.domain.targets import BlockName


class BlockExporters:
    """Exporters by the name of a block.

    Args:
        blocks: Where the blocks are.
    """

    def __init__(self, blocks: BlockLibrary) -> None:
        self._blocks = blocks

    def exporters(self, block: BlockName) -> dict[str, object]:
        """The collector's exporters, name to configuration, without a secret; see `OtlpBackend.exporters`."""
        return self._blocks.backend(block.name).exporters(block.name)

    def given(self, config: str) -> Mapping[str, str]:
        """What is known of the variables that `config` refers to: of our environment, else of the blocks.

        Raises:
            SpecError, DependencyError: A block that one of them is of cannot be read.
        """
        here = referenced_environment(config)
        lacking = [name for name in referenced_names(config) if name not in here]
        found: dict[str, str] = {}
        for block in sorted({block for name in lacking if (block := block_of(name))}):
            found |= self._blocks.backend(block).variables(block)
        return {**{name: found[name] for name in lacking if name in found}, **here}
