"""References: what a configuration says in place of a secret."""

import re

FIX = "write ${env:NAME} and set it in the environment, or ${file:/path} and put it into that file"
"""What to do about any secret that is written out."""

_REFERENCE = re.compile(r"(?<!\$)(?:\$\$)*\$\{(?:(?:env:)?[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?|file:[^}]+)\}")
"""After an even number of `$`: the collector reads `$$` as a `$` that means nothing."""


def is_reference(text: str) -> bool:
    """Whether a value comes from the environment or a file, also behind a word such as `Bearer`.

    A default that is written out stands in the configuration like any other text, so such a reference is none.
    """
    defaults = [found[1] or "" for found in _REFERENCE.finditer(text)]
    return bool(defaults) and all(default in ("", ":-") or "${" in default for default in defaults)
