"""Folders that may not be there yet."""

import os
from pathlib import Path


def nearest_folder_is_writable(folder: Path) -> bool:
    """Whether `folder` can be written, or made where it is not there."""
    nearest = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
