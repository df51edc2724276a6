"""Golden samples: held-out pictures that travel with the bundle, and what each stage gave for them on the workstation.

golden.json holds digests and scores; beside the pictures, pixels/ holds what the model was given for each.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.digest import digest
from runtime.errors import InputRefused, PictureRefused
from runtime.opening import read_picture
from runtime.preprocess import Preprocessing, decode
from runtime.records import build, expect_list, expect_text, parse_json, read_text

FOLDER, FILE, PIXELS = "golden", "golden.json", "pixels"
REFERENCE = "model.keras"
"""The name under which a sample's scores of the Keras model stand."""

MAX_SCORE = 1e6
"""Probabilities and any network's logits lie far within; the differences of such scores stay within float32."""


@dataclass(frozen=True)
class Sample:
    """One picture: its file in golden/, its label, the sha256 of each stage, and (classes,) scores by model file name."""

    file: str
    label: str
    sha256: str
    decoded_sha256: str
    pixels_sha256: str
    scores: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        expect_text(self, "file", "label", "sha256", "decoded_sha256", "pixels_sha256")
        if Path(self.file).name != self.file or self.file == "..":
            raise InputRefused("golden", f"expected sample.file to be a plain file name, found {self.file[:50]!r}")
        if not isinstance(self.scores, dict) or not all(isinstance(scores, list | tuple) for scores in self.scores.values()):
            raise InputRefused("golden", f"expected sample.scores to be lists by model file, found {str(self.scores)[:50]!r}")
        if not all(is_score(score) for scores in self.scores.values() for score in scores):
            raise InputRefused("golden", f"expected the scores of {self.file} to be numbers from -1e6 to 1e6")


def is_score(value: object) -> bool:
    """Whether it is a number that a score may be."""
    return isinstance(value, float | int) and not isinstance(value, bool) and abs(value) <= MAX_SCORE


def write_golden(folder: Path, samples: tuple[Sample, ...]) -> None:
    """Writes golden.json into `folder`, where the pictures already are."""
    (folder / FILE).write_text(json.dumps({"schema": 1, "samples": [asdict(sample) for sample in samples]}, indent=1))


def read_golden(bundle: Path) -> tuple[Sample, ...]:
    """The samples of the bundle at this path.

    Raises:
        InputRefused: no golden.json, or one that does not hold up.
    """
    path = bundle / FOLDER / FILE
    text = read_text(path, "has no golden samples")
    try:
        data = parse_json(text)
        if not isinstance(data, dict) or data.get("schema") != 1:
            raise InputRefused("golden", "expected an object with schema 1")
        samples = tuple(build(Sample, sample) for sample in expect_list("samples", data.get("samples")))
    except InputRefused as refusal:
        raise InputRefused(str(path), f"not usable golden samples: {refusal.reason}") from refusal
    if not samples:
        raise InputRefused(str(path), "holds no samples")
    return samples


def pixels_file(sample: Sample) -> Path:
    """Where in golden/ a sample's pixels at the model's input lie as a PNG, so that a difference can be told in levels."""
    return Path(PIXELS) / f"{Path(sample.file).stem}.png"


def write_pixels(folder: Path, sample: Sample, pixels: NDArray[np.uint8]) -> None:
    """Writes (height, width, 3) uint8 RGB pixels beside the pictures in `folder`."""
    path = folder / pixels_file(sample)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


def read_pixels(bundle: Path, sample: Sample, preprocessing: Preprocessing) -> NDArray[np.uint8] | None:
    """(height, width, 3) uint8 RGB: the pixels at the model's input as exported. None where the bundle does not have them."""
    try:
        pixels = np.array(decode(read_picture(bundle / FOLDER / pixels_file(sample)), preprocessing))
    except PictureRefused:  # a bundle made before they were kept
        return None
    return pixels if digest(pixels) == sample.pixels_sha256 else None
