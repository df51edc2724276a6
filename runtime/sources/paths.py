"""Lists image files in a stable order: one file, a folder, a pattern, or standard input."""

import os
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from runtime.errors import InputRefused, failed_access

FILE_MANAGER_NAMES = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),
        *("__macosx", "@eadir", "#recycle", "lost+found"),
    }
)
"""Files and folders that file managers, servers and archive programs leave, in lower case."""
MAX_PATH_BYTES = 65_536


LeftOut = list[Path]
"""Receives what a walk leaves out: hidden names, files of file managers, links to a parent."""


def image_path(address: str, _: LeftOut) -> Iterator[Path]:
    """Yields the file itself, even if it does not exist; reading it reports that."""
    yield Path(address)


def paths_in_folder(address: str, left_out: LeftOut) -> Iterator[Path]:
    """Yields every file below the folder, in the order of `walk`.

    Raises:
        InputRefused: the folder holds no files.
        MachineError: this user may not list a folder.
    """
    empty = True
    for path in walk(Path(address), left_out=left_out):
        empty = False
        yield path
    if empty:
        names = f" but hidden ones ({left_out[0].name})" if left_out else ""
        raise InputRefused(address, f"holds no files{names}")


def paths_by_pattern(address: str, left_out: LeftOut) -> Iterator[Path]:
    """Yields the files that match a pattern such as "*.jpg" or "photos/**/*.jpg".

    They are sorted by the bytes of their paths. A folder that matches yields every file below it.

    Raises:
        InputRefused: nothing matches.
        MachineError: this user may not list a folder.
    """
    from glob import iglob  # not needed for files and folders

    matches = sorted(iglob(address, recursive=True), key=os.fsencode)
    if not matches:
        raise InputRefused(address, "matches no files")
    yield from expand((Path(match) for match in matches), left_out)


def paths_from_stdin(address: str, left_out: LeftOut) -> Iterator[Path]:
    """Yields the paths that arrive on standard input, one per line.

    Example: `find . -name '*.jpg' | python -m runtime predict MODEL -`. The bytes of a line may be
    any that the file system uses. A folder yields every file below it. Empty lines are skipped.

    Raises:
        InputRefused: a line over 65,536 bytes.
        MachineError: this user may not list a folder.
    """
    if not sys.stdin.readable():  # the parent process closed it: see `run_program`
        return
    while line := sys.stdin.buffer.readline(MAX_PATH_BYTES + 1):
        if len(line) > MAX_PATH_BYTES:
            raise InputRefused(
                "standard input",
                f"expected one path per line, found a line over {MAX_PATH_BYTES} bytes",
            )
        path = line.rstrip(b"\r\n")
        if path:
            yield from expand([Path(os.fsdecode(path))], left_out)


def expand(paths: Iterable[Path], left_out: LeftOut | None = None) -> Iterator[Path]:
    """Yields the paths themselves, and every file below each folder among them; see `walk`."""
    for path in paths:
        if os.path.isdir(path):
            yield from walk(path, left_out=left_out)
        else:
            yield path


def walk(
    folder: Path, skip: Collection[Path] = (), left_out: LeftOut | None = None
) -> Iterator[Path]:
    """Yields every file below `folder`, sorted by name within each folder.

    Leaves out what file managers leave (names with a leading dot, FILE_MANAGER_NAMES) and links
    that lead to a folder above themselves, and appends them to `left_out`; a hidden folder counts
    once. Walks a folder once, even if links lead to it several times, and does not walk the folders
    in `skip`.

    Raises:
        MachineError: this user may not list a folder.
    """
    seen: set[tuple[int, int]] = set()
    pending = [str(folder)]
    while pending:
        path = pending.pop()
        if not os.path.isdir(path):
            yield Path(path)
            continue
        if Path(path) in skip:
            continue
        status = os.stat(path)
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            pending += reversed(_entries(path, left_out))


def subfolders(folder: Path) -> list[Path]:
    """Returns the folders directly in `folder`, by name, without what `walk` leaves out.

    Raises:
        InputRefused: not a folder.
        MachineError: this user may not list it.
    """
    return [Path(entry) for entry in _entries(str(folder)) if os.path.isdir(entry)]


def _entries(folder: str, left_out: LeftOut | None = None) -> list[str]:
    """Returns the paths of the entries to use, sorted by the bytes of their names.

    The callers test for folders with `os.path.isdir`, which never raises.
    """
    try:
        names = sorted(os.listdir(folder), key=os.fsencode)
    except OSError as error:
        raise failed_access(folder, error) from error
    entries = []
    for name in names:
        path = os.path.join(folder, name)
        hidden = name.startswith(".") or name.lower() in FILE_MANAGER_NAMES
        if not hidden and not _leads_up(path):
            entries.append(path)
        elif left_out is not None:
            left_out.append(Path(path))
    return entries


def _leads_up(path: str) -> bool:
    """Whether `path` is a link to the folder that holds it, or to a folder above that."""
    if not os.path.islink(path):
        return False
    target = Path(os.path.realpath(path))
    folder = Path(os.path.realpath(os.path.dirname(path) or "."))
    return target == folder or target in folder.parents
