"""Names the folder for files that Quince can make again."""

import os
from pathlib import Path


def default_cache() -> Path:
    """Returns $XDG_CACHE_HOME/quince, else ~/.cache/quince, else .quince-cache here."""
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "quince"
    try:
        return Path.home() / ".cache" / "quince"
    except RuntimeError:
        return Path(".quince-cache")
