"""Whether a server of this machine answers."""

import urllib.error
import urllib.request
from http.client import HTTPException

DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Past whatever proxy the user's environment names: what listens on loopback is never behind one."""


def answers(url: str) -> bool:
    """Whether that URL is answered with success."""
    try:
        with DIRECTLY.open(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError, HTTPException, ValueError):
        return False
