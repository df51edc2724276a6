"""Whether the pictures are still those that a training began with."""

from pathlib import Path

from runtime.digest import digest
from runtime.errors import InputRefused, PictureRefused
from runtime.opening import read_picture
from train.data import DataSet

MARGIN_S = 2.0
"""Clocks of file systems are coarse, and those of file servers differ a little."""


def require_unchanged(data: DataSet, since: float) -> None:
    """Reads again what was written since the time `since` (seconds since the epoch).

    Raises:
        InputRefused: a picture that is used has changed or vanished; it is named.
    """
    for picture in data.pictures:
        path = data.root / picture.path
        if picture.split != "refused" and (what := _what_happened(path, picture.sha256, since - MARGIN_S)):
            raise InputRefused(str(path), f"{what} since the training began; put it back, and the same command goes on where it was")


def _what_happened(path: Path, sha256: str, since: float) -> str | None:
    try:
        stat = path.stat()
        unchanged = max(stat.st_mtime, stat.st_ctime) < since or digest(read_picture(path)) == sha256
    except (OSError, PictureRefused):
        return "vanished"
    return None if unchanged else "changed"
