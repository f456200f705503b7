"""Numbers that people ask for, held within bounds."""

from phoenix.domain.errors import SpecError

LARGEST = 2**31 - 1
"""What a database's integer holds."""


def within(asked: int, most: int) -> int:
    """`asked`, where it is from 1 to `most`.

    Raises:
        SpecError: Code `out_of_bounds`.
    """
    if not 1 <= asked <= most:
        raise SpecError(f"{asked} is out of bounds.", code="out_of_bounds", hint=f"1 to {most}")
    return asked
