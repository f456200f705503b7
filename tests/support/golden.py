"""Golden files: what is expected lies beside the case; PHOENIX_UPDATE_GOLDEN=1 rewrites it, and the diff is reviewed."""

import os
from pathlib import Path


def check_golden(path: Path, found: str) -> None:
    """Compare with the golden file, or rewrite it."""
    if os.environ.get("PHOENIX_UPDATE_GOLDEN") == "1":
        path.write_text(found, encoding="utf-8")
    assert path.is_file(), f"{path} is missing: run once with PHOENIX_UPDATE_GOLDEN=1 and review it"
    assert found == path.read_text(encoding="utf-8")
