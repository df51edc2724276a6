"""Picture files and folders of them, in a stable order."""

import os
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import failed_access

IGNORED = frozenset({"thumbs.db", "desktop.ini"})


def walk(folder: Path) -> Iterator[Path]:
    """Every file below `folder`, sorted by name within each folder, without what file managers leave (names with a leading dot,
    Thumbs.db, desktop.ini). A folder reached twice through links is walked once.

    Raises:
        MachineError: this user may not list a folder.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [str(folder)]
    while waiting:
        path = waiting.pop()
        if not os.path.isdir(path):
            yield Path(path)
            continue
        status = os.stat(path)
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            waiting += reversed(_entries(path))


def expand(paths: list[Path]) -> Iterator[Path]:
    """The paths themselves, and for a folder every file below it."""
    for path in paths:
        if os.path.isdir(path):
            yield from walk(path)
        else:
            yield path


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, by name, without hidden ones.

    Raises:
        InputRefused: not a folder.
        MachineError: this user may not list it.
    """
    return [Path(entry) for entry in _entries(str(folder)) if os.path.isdir(entry)]


def _entries(folder: str) -> list[str]:
    """Paths of what `folder` shows, sorted by the bytes of their names. What is a folder `os.path.isdir` says, which never raises."""
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".") and name.lower() not in IGNORED]
    except OSError as error:
        raise failed_access(folder, error) from error
    return [os.path.join(folder, name) for name in sorted(names, key=os.fsencode)]
