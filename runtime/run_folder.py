"""The run folder, where `train` and `export` meet.

model.keras            the trained model
manifest.json          runtime.manifest
pictures.csv           one row a file that was found: its split, class, path and content hash, or why it was refused
history.csv, .png      what each epoch gave
test_predictions.csv   what the model says of each test picture
confusion.png          the same, counted
report.html            all of it, for people
bundle/                what `export` makes of it (runtime.bundle)
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from runtime.atomic import write_file
from runtime.bundle import Bundle
from runtime.digest import digest
from runtime.errors import InputRefused, PictureRefused
from runtime.keras_file import check_keras_file
from runtime.manifest import Manifest
from runtime.opening import read_picture
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
    write_table(run / PICTURES, COLUMNS, ([getattr(picture, column) for column in COLUMNS] for picture in pictures))


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a CSV file whose first row is `columns`; names that are not UTF-8 keep their bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_file(path, text.getvalue())


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


def read_run(run: Path) -> tuple[Manifest, tuple[Picture, ...]]:
    """The manifest and pictures of a run folder whose model.keras is the one that the manifest names and has no code in it.

    Raises:
        InputRefused: not a run folder; its model is missing, empty, cut, not a Keras file, naming more than Keras' own plain layers,
            or changed; its parts contradict each other.
    """
    manifest = Bundle.open(run).manifest
    check_keras_file(run / MODEL)
    recorded = [artifact.sha256 for artifact in manifest.artifacts if artifact.file == MODEL]
    if recorded != [digest((run / MODEL).read_bytes())]:
        raise InputRefused(str(run / MODEL), "its sha256 differs from the manifest's: changed or damaged since training")
    pictures = tuple(read_pictures(run))
    strange = [picture for picture in pictures if picture.split != "refused" and picture.label not in manifest.labels]
    if strange:
        raise InputRefused(str(run), f"pictures.csv has the class '{strange[0].label}', which manifest.json has not; train again")
    if not isinstance(manifest.provenance.get("results", {}), dict):
        raise InputRefused(str(run), "the results in its manifest.json do not hold up; train again")
    return manifest, pictures


def data_folder(manifest: Manifest, moved_to: Path | None) -> Path:
    """Where a run's pictures lie: where the user says they moved to, else where they were at training."""
    return moved_to or Path(str(manifest.provenance.get("data", "")))


def read_unchanged(data: Path, picture: Picture) -> bytes:
    """The content of a picture's file below `data`.

    Raises:
        InputRefused: gone, or not what it was at training.
    """
    path = data / picture.path
    try:
        content = read_picture(path)
    except PictureRefused as refusal:
        raise InputRefused(str(path), f"{refusal.reason}; if the pictures moved, say where to with --data") from refusal
    if digest(content) != picture.sha256:
        raise InputRefused(str(path), "changed since the training; restore it, or train again")
    return content
