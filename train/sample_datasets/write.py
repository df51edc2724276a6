"""Writes the images of a sample data set into a folder, as splits and classes."""

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from runtime.errors import InputRefused
from runtime.shared.progress import track
from runtime.system.atomic_files import new_folder

Image = tuple[str, Path | zipfile.Path]
"""The folder of an image ("Test/defective"), and its file."""
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def write_sample(name: str, images: Iterable[Image], folder: Path) -> int:
    """Copies a sample's images into `folder`; returns their number.

    A sample that is there already is kept.

    Raises:
        MachineError: the disk is full.
        InputRefused: `folder` holds something else, or the archive is damaged.
    """
    rows = list(images)
    if folder.exists():
        present = {file.relative_to(folder) for file in folder.rglob("*") if file.is_file()}
        if present != {Path(subfolder, file.name) for subfolder, file in rows}:
            raise InputRefused(
                str(folder), f"exists already and is not the sample {name}; choose another -o"
            )
        return len(rows)
    with new_folder(folder) as temporary:
        for subfolder, file in track(rows, "copy", len(rows)):
            (temporary / subfolder).mkdir(parents=True, exist_ok=True)
            try:
                content = file.read_bytes()  # of an archive: the CRC-32 is checked
            except DAMAGED as error:
                raise InputRefused(
                    str(file), f"the archive is damaged ({error}); delete it, and get it again"
                ) from error
            (temporary / subfolder / file.name).write_bytes(content)
    return len(rows)
