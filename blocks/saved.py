"""What the blocks of Phoenix have in common: no text of theirs repeats a secret, and faults are the domain's words."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import ConfigDict

from phoenix.domain.errors import SpecError

GUIDE = "docs/blocks.md of Phoenix has more."


class SavedSettings(Block):
    """A block that is refused where the domain refuses what it holds."""

    # A refusal would quote what it refuses, and that may be a private key.
    model_config: ClassVar[ConfigDict] = ConfigDict(hide_input_in_errors=True)


@contextmanager
def as_value_error() -> Generator[None]:
    """What the domain refuses, as pydantic wants to be told."""
    try:
        yield
    except SpecError as fault:
        raise ValueError(f"{fault.message}; {fault.hint}" if fault.hint else fault.message) from None
