"""Makes the types of our blocks known to a Prefect server; doing it twice is doing it once."""

from prefect.blocks.core import Block

from blocks.exporters import OtlpExporter
from blocks.targets import LocalTarget, SshTarget

TYPES: tuple[type[Block], ...] = (SshTarget, LocalTarget, OtlpExporter)


def register() -> tuple[str, ...]:
    """Register every type at the server that PREFECT_API_URL names; outside of an event loop.

    Returns:
        The slugs of the types.
    """
    for block_type in TYPES:
        block_type.register_type_and_schema()
    return tuple(block_type.get_block_type_slug() for block_type in TYPES)
