"""A port whose every verb passes a hook: to fail there, to be slow, to count, to die."""

from collections.abc import Callable
from typing import Any

Hook = Callable[[str, tuple[Any, ...]], None]


class Hooked:
    """Delegates to `real`; `before` is told each verb and its arguments, `after` too once it is done.

    A hook that raises takes the verb's place, or its result's.
    """

    def __init__(
        self, real: Any, before: Hook = lambda _v, _a: None, after: Hook = lambda _v, _a: None
    ) -> None:
        self._real = real
        self.before = before
        self.after = after

    def __getattr__(self, verb: str) -> Any:
        attribute = getattr(self._real, verb)
        if not callable(attribute):
            return attribute

        def hooked(*arguments: Any, **keywords: Any) -> Any:
            self.before(verb, arguments)
            result = attribute(*arguments, **keywords)
            self.after(verb, arguments)
            return result

        return hooked
