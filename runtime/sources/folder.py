"""A folder of pictures."""

from collections.abc import Iterator
from pathlib import Path

from runtime.errors import InputRefused
from runtime.sources.files import walk


def paths(address: str) -> Iterator[Path]:
    """Every file below the folder, in the order of `walk`.

    Raises:
        InputRefused: there is none.
        MachineError: this user may not list a folder.
    """
    found = False
    for path in walk(Path(address)):
        found = True
        yield path
    if not found:
        raise InputRefused(address, "holds no files")
