"""Settings as people write them: `NAME=VALUE`, given several times."""

from collections.abc import Iterable

from phoenix.domain.errors import SpecError


def parse_settings(texts: Iterable[str], written: str) -> dict[str, str]:
    """What several `NAME=VALUE` say.

    Args:
        texts: Each `NAME=VALUE`.
        written: What a person writes before each, with what stands between both, such as `--set `.

    Raises:
        SpecError: One has no name or no value, or a name is given twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise SpecError(f"{written}{text}: write {written}NAME=VALUE.")
        if name in found:
            raise SpecError(f"{written}{name} is given twice.")
        found[name] = value
    return found
