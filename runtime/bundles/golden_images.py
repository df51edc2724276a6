"""Reads and writes golden images: held-out images with the workstation's result of each stage.

They travel with the bundle. golden.json holds digests and scores; pixels/, beside the images, holds
the input of the model for each.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from runtime.arrays import NDArray
from runtime.bundles.bundle import GOLDEN
from runtime.errors import ImageRefused, InputRefused, naming
from runtime.images.decoding import decode, read_image
from runtime.images.preprocessing import Preprocessing, pixels_image, to_grey
from runtime.system.hashing import sha256_of
from runtime.system.json_records import (
    Name,
    Sha256,
    expect_list,
    expect_names,
    expect_sha256,
    from_json_object,
    parse_json,
    read_text,
)

FOLDER, FILE, PIXELS = GOLDEN, "golden.json", "pixels"
SCHEMA = 1
REFERENCE = "model.keras"
"""The key of the Keras model's scores in a golden image."""

MAX_SCORE = 1e6
"""Probabilities and the logits of any network are far smaller; differences stay within float32."""


@dataclass(frozen=True)
class GoldenImage:
    """Describes one image.

    file: its name in golden/. sha256, decoded_sha256, pixels_sha256: of the result of each stage.
    scores: (classes,) scores by model file name.
    """

    file: Name
    label: Name
    sha256: Sha256
    decoded_sha256: Sha256
    pixels_sha256: Sha256
    scores: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        expect_names(self, "file", "label")
        expect_sha256(self, "sha256", "decoded_sha256", "pixels_sha256")
        if Path(self.file).name != self.file or self.file == "..":
            raise InputRefused(
                "golden", f"expected sample.file to be a plain file name, found {self.file[:50]!r}"
            )
        if not isinstance(self.scores, dict) or not all(
            isinstance(scores, list | tuple) for scores in self.scores.values()
        ):
            raise InputRefused(
                "golden",
                "expected sample.scores to be lists by model file,"
                f" found {str(self.scores)[:50]!r}",
            )
        if not all(is_score(score) for scores in self.scores.values() for score in scores):
            raise InputRefused(
                "golden", f"expected the scores of {self.file} to be numbers from -1e6 to 1e6"
            )


def is_score(value: object) -> bool:
    """Checks that the value is a number within the range of scores."""
    return (
        isinstance(value, float | int) and not isinstance(value, bool) and abs(value) <= MAX_SCORE
    )


def write_golden(folder: Path, golden_images: tuple[GoldenImage, ...]) -> None:
    """Writes golden.json into `folder`, where the images already are."""
    (folder / FILE).write_text(
        json.dumps(
            {"schema": SCHEMA, "samples": [asdict(golden_image) for golden_image in golden_images]},
            indent=1,
        )
    )


def read_golden(bundle: Path) -> tuple[GoldenImage, ...]:
    """Returns the golden images of the bundle at this path, at least one.

    Raises:
        InputRefused: golden.json is missing or not valid.
    """
    path = bundle / FOLDER / FILE
    text = read_text(path, "has no golden images")
    with naming(path, "not usable golden images: {}"):
        data = parse_json(text)
        if (
            not isinstance(data, dict)
            or set(data) != {"schema", "samples"}
            or data["schema"] != SCHEMA
        ):
            raise InputRefused("golden", f"expected an object with schema {SCHEMA} and samples")
        golden_images = tuple(
            from_json_object(GoldenImage, golden_image)
            for golden_image in expect_list("samples", data.get("samples"))
        )
    if not golden_images:
        raise InputRefused(str(path), "holds no golden images")
    if len({golden_image.file for golden_image in golden_images}) < len(golden_images):
        raise InputRefused(str(path), "names one image twice; copy the bundle again")
    return golden_images


def pixels_file(golden_image: GoldenImage) -> Path:
    """Returns the PNG in golden/ with a golden image's pixels at the model's input.

    With it a difference can be reported in levels.
    """
    return Path(PIXELS) / f"{Path(golden_image.file).stem}.png"


def write_pixels(folder: Path, golden_image: GoldenImage, pixels: NDArray[np.uint8]) -> None:
    """Writes (height, width, channels) uint8 pixels beside the images in `folder`."""
    path = folder / pixels_file(golden_image)
    path.parent.mkdir(exist_ok=True)
    pixels_image(pixels).save(path)


def read_pixels(
    bundle: Path, golden_image: GoldenImage, preprocessing: Preprocessing
) -> NDArray[np.uint8] | None:
    """Returns the pixels at the model's input at export, (height, width, channels) uint8.

    None means that the bundle does not have them.
    """
    try:
        content = read_image(bundle / FOLDER / pixels_file(golden_image))
        pixels = np.array(decode(content, preprocessing.decode_side))
    except ImageRefused:  # older bundles have none
        return None
    if preprocessing.channels == 1:
        pixels = to_grey(pixels)
    return pixels if sha256_of(pixels) == golden_image.pixels_sha256 else None
