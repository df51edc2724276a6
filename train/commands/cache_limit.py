"""Keeps the cache of decoded images and features within the size that --cache-limit allows."""

import argparse
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from heapq import heapify, heappop
from pathlib import Path

RECENT_S = {"features": 600.0, "candidates": 600.0, "pixels": 6 * 3600.0}
"""What was used more recently may belong to a running training, and stays.

Features in use are mapped into memory and survive their removal. Pixels are read in each epoch.
"""


def limit_cache(parsed: argparse.Namespace) -> None:
    """Removes from --cache what was unused for longest, until the rest fits --cache-limit.

    An entry is a set of features, a model file of `choose`, or one decoded image in one geometry.
    """
    entries = list(_entries(parsed.cache))
    excess = sum(size for _, size, _ in entries) - parsed.cache_limit * 1e9
    now = time.time()
    heapify(entries)
    while entries and excess > 0:
        last_used, size, path = heappop(entries)
        if last_used > now - RECENT_S[Path(path).relative_to(parsed.cache).parts[0]]:
            continue
        with suppress(OSError):  # another process may be removing it too
            os.unlink(path) if os.path.isfile(path) else shutil.rmtree(path)
        excess -= size


def _entries(cache: Path) -> Iterator[tuple[float, int, str]]:
    """Yields when each entry was last used, its bytes, and its path."""
    for entry in (*cache.glob("features/*/"), *cache.glob("candidates/*/")):
        with suppress(OSError):
            stats = [file.stat() for file in entry.iterdir()]
            # Another training may have made the entry a moment ago, and it is still empty.
            last_used = max(stat.st_mtime for stat in (entry.stat(), *stats))
            yield last_used, sum(stat.st_size for stat in stats), str(entry)
    for folder in cache.glob("pixels/*/*/"):
        with suppress(OSError), os.scandir(folder) as files:
            for file in files:  # often 100,000, and a Path takes longer than its stat
                yield file.stat().st_mtime, file.stat().st_size, file.path
