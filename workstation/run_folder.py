"""Reads and writes the run folder, where `train` and `export` meet.

model.keras            the trained model
manifest.json          runtime.models.manifest
images.csv             a row per file: split, class, path, content hash, or why it was refused
near_duplicates.csv    pairs of images of two splits or classes that look the same, worst first
history.csv, .png      loss and accuracy of each epoch
test_predictions.csv   the model's answer to each test image
confusion.png          the same answers, counted
report.html            all of it, for people
bundle/                what `export` makes (runtime.bundles.bundle)
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from runtime.bundles.bundle import Bundle
from runtime.errors import ImageRefused, InputRefused
from runtime.images.decoding import read_image
from runtime.models.manifest import Manifest
from runtime.system.atomic_files import write_file
from runtime.system.hashing import sha256_of
from runtime.system.json_records import read_text
from workstation.keras_archive import check_keras_file

MODEL, IMAGES_FILE = "model.keras", "images.csv"
NEAR_DUPLICATES_FILE = "near_duplicates.csv"
OLD_IMAGES_FILE = "pictures.csv"
"""The name of IMAGES_FILE in runs from before version 0.1.0."""
COLUMNS = ("split", "label", "path", "sha256", "reason", "group")
"""Runs from before version 0.2.0 have no groups."""

Split = Literal["train", "val", "test", "strange", "refused"]
"""Where an image is used. "strange": to measure, with a model of one class, what is none of it."""
UNLABELLED: frozenset[Split] = frozenset({"strange", "refused"})
"""The splits whose images need not have a class of the model."""


@dataclass(frozen=True)
class ImageRecord:
    """One file of the data folder.

    label: its class. path: relative to the data folder. sha256: of its content. reason: why it
    was refused, else empty. group: the object it shows, or the near-duplicates it belongs to; empty
    for an image that stands alone (train.data.groups).
    """

    split: Split
    label: str
    path: str
    sha256: str = ""
    reason: str = ""
    group: str = ""


def write_images(run: Path, images: list[ImageRecord]) -> None:
    """Writes images.csv into the run folder."""
    write_table(
        run / IMAGES_FILE,
        COLUMNS,
        ([getattr(image, column) for column in COLUMNS] for image in images),
    )


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a CSV file with `columns` as first row. Names that are not UTF-8 keep their bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_file(path, text.getvalue())


def read_images(run: Path) -> list[ImageRecord]:
    """Reads what `write_images` wrote.

    Raises:
        InputRefused: the file is missing, or is no such table.
    """
    path = run / IMAGES_FILE
    if not path.exists() and (run / OLD_IMAGES_FILE).exists():
        path = run / OLD_IMAGES_FILE
    try:
        # File names need not be UTF-8.
        text = read_text(path, "not a run folder", errors="surrogateescape")
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise InputRefused(str(path), f"not a table ({error})") from error
    if not rows or tuple(rows[0]) not in (COLUMNS, COLUMNS[:-1]):
        raise InputRefused(str(path), f"expected the columns {', '.join(COLUMNS)}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]) or row[0] not in get_args(Split):
            raise InputRefused(str(path), f"row {number} is not valid")
    return [ImageRecord(*row) for row in rows[1:]]  # type: ignore[arg-type]


def read_run(run: Path) -> tuple[Manifest, tuple[ImageRecord, ...]]:
    """Reads the manifest and image records of a run folder, and checks its model.keras.

    Raises:
        InputRefused: this is no run folder; its model is missing, damaged, changed, or names more
            than Keras' own plain layers; or its parts contradict each other.
    """
    manifest = Bundle.open(run).manifest
    check_keras_file(run / MODEL)
    recorded = [artifact.sha256 for artifact in manifest.artifacts if artifact.file == MODEL]
    if recorded != [sha256_of((run / MODEL).read_bytes())]:
        raise InputRefused(
            str(run / MODEL),
            "its sha256 differs from the manifest's: it was changed or damaged since training",
        )
    images = tuple(read_images(run))
    for image in images:
        if image.split not in UNLABELLED and image.label not in manifest.labels:
            raise InputRefused(
                str(run),
                f"images.csv has the class '{image.label}', which manifest.json lacks; train again",
            )
    if not isinstance(manifest.provenance.get("results", {}), dict):
        raise InputRefused(str(run), "the results in its manifest.json are invalid; train again")
    return manifest, images


def data_folder(manifest: Manifest, moved_to: Path | None) -> Path:
    """Returns the folder of a run's images: `moved_to`, or where they were at training."""
    return moved_to or Path(str(manifest.provenance.get("data", "")))


def read_unchanged(data: Path, image: ImageRecord) -> bytes:
    """Returns the content of an image's file below `data`.

    Raises:
        InputRefused: the file is gone, or its content changed since training.
    """
    path = data / image.path
    try:
        content = read_image(path)
    except ImageRefused as refusal:
        raise InputRefused(
            str(path), f"{refusal.reason}; if the images moved, pass their folder with --data"
        ) from refusal
    if sha256_of(content) != image.sha256:
        raise InputRefused(str(path), "changed since the training; restore it, or train again")
    return content
