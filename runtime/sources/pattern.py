"""A pattern of file names that the shell left alone: "*.jpg", or "photos/**/*.jpg" for the folders below too."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import InputRefused
from runtime.sources.files import expand


def paths(address: str) -> Iterator[Path]:
    """The files that match, sorted by the bytes of their paths; of a folder that matches every file below it.

    Raises:
        InputRefused: nothing matches.
        MachineError: this user may not list a folder.
    """
    found = sorted(glob.iglob(address, recursive=True), key=os.fsencode)
    if not found:
        raise InputRefused(address, "matches no files")
    yield from expand([Path(path) for path in found])
