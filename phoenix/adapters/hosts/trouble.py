"""What the operating system refuses, in our words."""

from collections.abc import Generator
from contextlib import contextmanager

from phoenix.domain.errors import DependencyError


@contextmanager
def host_trouble(name: str) -> Generator[None]:
    """Turn an OSError into the failure of host `name`.

    Raises:
        DependencyError: In its place.
    """
    try:
        yield
    except OSError as error:
        raise DependencyError(
            f"{name} does not do it: {error}",
            code="host_failed",
            hint="look for a full disk, missing rights, or too many processes",
        ) from error
