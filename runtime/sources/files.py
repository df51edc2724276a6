"""Picture files and folders of them, in a stable order."""

import os
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import InputRefused

IGNORED = frozenset({"thumbs.db", "desktop.ini"})


def walk(folder: Path) -> Iterator[Path]:
    """Every file below `folder`, sorted by name within each folder, without what file managers leave (names with a leading dot,
    Thumbs.db, desktop.ini). A folder reached twice through links is walked once.

    Raises:
        InputRefused: a folder cannot be listed.
    """
    return _walk(folder, set())


def expand(paths: list[Path]) -> Iterator[Path]:
    """The paths themselves, and for a folder every file below it."""
    for path in paths:
        if path.is_dir():
            yield from walk(path)
        else:
            yield path


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, by name, without hidden ones.

    Raises:
        InputRefused: not a folder, or it cannot be listed.
    """
    return [Path(entry) for entry in _entries(folder) if entry.is_dir()]


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    status = os.stat(folder)
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in _entries(folder):
        if entry.is_dir():
            yield from _walk(Path(entry), seen)
        else:
            yield Path(entry)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".") and entry.name.lower() not in IGNORED]
    except OSError as error:
        raise InputRefused(str(folder), error.strerror or str(error)) from error
    return sorted(shown, key=lambda entry: os.fsencode(entry.name))
