"""The run folder, where `train` and `export` meet: model.keras, manifest.json, and pictures.csv, one row a file that was found."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from runtime.atomic import write_file
from runtime.errors import InputRefused
from runtime.records import read_text

MODEL, PICTURES = "model.keras", "pictures.csv"
COLUMNS = ("split", "label", "path", "sha256", "reason")

Split = Literal["train", "val", "test", "refused"]


@dataclass(frozen=True)
class Picture:
    """One file below the data folder: its class name, path relative to that folder, content hash, and why it was refused if it was."""

    split: Split
    label: str
    path: str
    sha256: str = ""
    reason: str = ""


def write_pictures(run: Path, pictures: list[Picture]) -> None:
    """Writes pictures.csv into the run folder."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(picture, column) for column in COLUMNS] for picture in pictures)
    write_file(run / PICTURES, text.getvalue())


def read_pictures(run: Path) -> list[Picture]:
    """What `write_pictures` wrote.

    Raises:
        InputRefused: missing, or not such a table.
    """
    path = run / PICTURES
    try:
        text = read_text(path, "not a run folder", errors="surrogateescape")  # file names need not be UTF-8
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise InputRefused(str(path), f"not a table ({error})") from error
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InputRefused(str(path), f"expected the columns {', '.join(COLUMNS)}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(COLUMNS) or row[0] not in get_args(Split):
            raise InputRefused(str(path), f"row {number} does not hold up")
    return [Picture(*row) for row in rows[1:]]  # type: ignore[arg-type]
