"""Writes zip archives without compression and with a fixed date.

Equal contents then give equal bytes, also on a computer whose clock stands before 1980, which is
the earliest date that a zip can hold.
"""

import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

DATE = (1980, 1, 1, 0, 0, 0)


def write_zip(target: Path | BinaryIO, members: Mapping[str, BinaryIO]) -> None:
    """Writes an archive with the content of each member, by name and in their order."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, source in members.items():
            info = zipfile.ZipInfo(name, DATE)
            info.file_size = source.seek(0, os.SEEK_END)  # from 2 GB on it needs a larger header
            source.seek(0)
            with archive.open(info, "w") as member:
                shutil.copyfileobj(source, member)
