"""Reads and writes examples.zip: thumbnails of training images, with their features by model file.

With it a device shows the training images that are nearest to one it sees. examples.json lists the
images, sheet.jpg holds their thumbnails in rows, and features/SHA256 their features in the model
file of that digest, as int8, each row by its own scale, which a cosine does not need.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from runtime.arrays import NDArray
from runtime.bundles.bundle import EXAMPLES
from runtime.errors import ImageRefused, InputRefused, naming
from runtime.images.decoding import decode
from runtime.images.preprocessing import pixels_image
from runtime.system.json_records import expect_list, parse_json, read_content

SIDE, COLUMNS = 64, 20
"""Pixels of a thumbnail's side, and thumbnails in a row of the sheet."""
MAX_EXAMPLES = 200
MAX_TEXT = 5000
SCHEMA = 1
LIST, SHEET, FEATURES = "examples.json", "sheet.jpg", "features/"
NEAREST = 3
QUALITY = 80
DATE = (1980, 1, 1, 0, 0, 0)
"""A fixed date makes equal examples equal bytes."""


class Example(NamedTuple):
    """Names a training image, by its path in the data folder, and its class."""

    path: str
    label: str


class Neighbour(NamedTuple):
    """Holds a training image that is near to another image.

    similarity: the cosine of their features, -1..1. pixels: (64, 64, 3) uint8 RGB.
    """

    example: Example
    similarity: float
    pixels: NDArray[np.uint8]


class Examples(NamedTuple):
    """Holds n training images.

    sheet: their thumbnails, row by row. features: (n, size) int8 by the sha256 of a model file.
    """

    images: tuple[Example, ...]
    sheet: Image.Image
    features: Mapping[str, NDArray[np.int8]]

    def nearest(self, sha256: str, features: NDArray[np.float32]) -> tuple[Neighbour, ...]:
        """Returns the NEAREST images to (size,) features of a model file, the nearest first."""
        rows = self.features[sha256].astype(np.float32)
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(features)
        cosines = rows @ features / np.maximum(lengths, 1e-6)
        best = np.argsort(-cosines, kind="stable")[:NEAREST].tolist()
        return tuple(
            Neighbour(self.images[index], float(cosines[index]), self.thumbnail(index))
            for index in best
        )

    def thumbnail(self, index: int) -> NDArray[np.uint8]:
        """Returns (64, 64, 3) uint8 RGB pixels."""
        top, left = SIDE * (index // COLUMNS), SIDE * (index % COLUMNS)
        return np.asarray(self.sheet.crop((left, top, left + SIDE, top + SIDE)))


def quantize_features(features: NDArray[np.float32]) -> NDArray[np.int8]:
    """Returns (n, size) features as int8; each row has its own scale."""
    largest = np.abs(features).max(axis=1, keepdims=True)
    rows: NDArray[np.int8] = np.rint(127 * features / np.maximum(largest, 1e-12)).astype(np.int8)
    return rows


def make_sheet(thumbnails: NDArray[np.uint8]) -> Image.Image:
    """Returns (n, height, width, channels) uint8 images as one sheet of thumbnails."""
    rows = -(-len(thumbnails) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SIDE, rows * SIDE))
    for index, pixels in enumerate(thumbnails):
        small = pixels_image(pixels).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        sheet.paste(small, (SIDE * (index % COLUMNS), SIDE * (index // COLUMNS)))
    return sheet


def write_examples(folder: Path, examples: Examples) -> None:
    """Writes examples.zip into a bundle. The caller keeps to MAX_EXAMPLES."""
    sheet = BytesIO()
    examples.sheet.save(sheet, "JPEG", quality=QUALITY)
    listed = {"schema": SCHEMA, "images": [image._asdict() for image in examples.images]}
    members = {LIST: json.dumps(listed).encode(), SHEET: sheet.getvalue()}
    members |= {
        FEATURES + sha256: rows.tobytes() for sha256, rows in sorted(examples.features.items())
    }
    with zipfile.ZipFile(folder / EXAMPLES, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), content)


def read_examples(folder: Path) -> Examples | None:
    """Returns the examples of the bundle at this path; None if it has none.

    Raises:
        InputRefused: the file is damaged, too large or compressed, or its parts do not fit.
        MachineError: this user may not read it.
    """
    path = folder / EXAMPLES
    if not path.exists():
        return None
    content = read_content(path, "has no examples")
    with naming(path, "not usable examples: {}; copy the bundle again"):
        return _parse(content)


def _parse(content: bytes) -> Examples:
    members = _members(content)
    data = parse_json(members.pop(LIST, b"{}"))
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise InputRefused("examples", f"expected an object with schema {SCHEMA} and images")
    rows = expect_list("images", data.get("images"))
    if not 1 <= len(rows) <= MAX_EXAMPLES:
        raise InputRefused("examples", f"expected 1 to {MAX_EXAMPLES} images, found {len(rows)}")
    images = tuple(_example(row) for row in rows)
    size = (COLUMNS * SIDE, SIDE * -(-len(images) // COLUMNS))
    try:
        sheet = decode(members.pop(SHEET, b""), max(size), SHEET)
    except ImageRefused as error:
        raise InputRefused("examples", f"{SHEET}: {error.reason}") from error
    if sheet.size != size:
        raise InputRefused(
            "examples", f"expected a sheet of {size[0]}x{size[1]} pixels, found {sheet.size}"
        )
    features = {}
    for name, values in members.items():
        if not name.startswith(FEATURES) or not values or len(values) % len(images):
            raise InputRefused("examples", f"the member {name[:50]!r} has no place there")
        rows_of_file = np.frombuffer(values, np.int8).reshape(len(images), -1)
        features[name.removeprefix(FEATURES)] = rows_of_file
    return Examples(images, sheet, features)


def _example(row: object) -> Example:
    if not isinstance(row, dict) or set(row) != set(Example._fields):
        raise InputRefused("examples", "expected path and label of each image")
    example = Example(**row)
    for value in example:
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise InputRefused("examples", f"expected texts of at most {MAX_TEXT} characters")
    return example


def _members(content: bytes) -> dict[str, bytes]:
    """Returns the members of an archive without compression, which cannot grow when read."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            infos = archive.infolist()
            if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
                raise InputRefused("examples", "expected an archive without compression")
            if sum(info.file_size for info in infos) > len(content):
                raise InputRefused("examples", "expected members that are no larger than the file")
            return {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError) as error:
        raise InputRefused("examples", "a damaged archive") from error
