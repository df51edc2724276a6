"""Golden samples: held-out pictures that travel with the bundle, and what each stage gave for them on the workstation.

`verify` repeats them on the device and says which stage differs: the file itself, decoding, resizing or the model.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.bundle import Bundle
from runtime.classifier import Classifier
from runtime.errors import InputRefused, PictureRefused
from runtime.manifest import Artifact
from runtime.preprocess import decode, digest, read_picture, resize
from runtime.records import build, expect_list, expect_text, parse_json, read_text

FOLDER, FILE = "golden", "golden.json"
REFERENCE = "model.keras"
"""The name under which a sample's scores of the Keras model stand."""

STAGES = ("file", "decode", "resize", "model")
"""In the order a picture goes through them."""

QUANTIZED_TOLERANCE, FLOAT_TOLERANCE = 2 / 256, 1e-3
"""Score differences put down to the processor, not to a fault: two steps of a uint8 output, and a float's rounding (measured
between x86-64 and aarch64 with the same library: 0 for TFLite int8, 6.5e-6 for float)."""
MAX_SCORE = float(np.finfo(np.float32).max)


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
        if not all(isinstance(score, float | int) and abs(score) < MAX_SCORE for scores in self.scores.values() for score in scores):
            raise InputRefused("golden", f"expected the scores of {self.file} to be finite numbers")


@dataclass(frozen=True)
class Verification:
    """One artifact on the golden samples. `stage` is "" where all is as exported, else the first stage that differs."""

    artifact: str
    pictures: int
    worst_score_difference: float
    same_top1: float
    stage: str
    details: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every stage gave what it gave at export, within the tolerances above."""
        return not self.stage


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


def verify(bundle: Bundle, artifact: Artifact, threads: int | None = None) -> Verification:
    """Repeats the golden samples through one artifact of the bundle.

    Raises:
        InputRefused: the bundle is damaged.
        MachineError: the interpreter is not installed.
    """
    samples = read_golden(bundle.path)
    classifier = Classifier(bundle.path, artifact=artifact.file, threads=threads)
    tolerance = FLOAT_TOLERANCE if artifact.precision == "fp32" else QUANTIZED_TOLERANCE
    worst, same, found = 0.0, 0, []
    for sample in samples:
        expected = _expected(bundle, sample, artifact, len(classifier.labels))
        content = read_picture(bundle.path / FOLDER / sample.file)
        right = [digest(content) == sample.sha256]
        try:
            image = decode(content, classifier.preprocessing, sample.file)
            pixels = resize(image, classifier.preprocessing)
            scores = classifier.scores(pixels)
            difference = float(np.abs(scores - expected).max())
            worst, same = max(worst, difference), same + int(scores.argmax() == expected.argmax())
            right += [digest(image) == sample.decoded_sha256, digest(pixels) == sample.pixels_sha256, difference <= tolerance]
        except PictureRefused:
            right += [False]
        if not all(right):
            found.append((right.index(False), sample.file))
    first = min(found)[0] if found else None
    stage = "" if first is None else STAGES[first]
    return Verification(artifact.file, len(samples), worst, same / len(samples), stage, tuple(name for at, name in found if at == first))


def _expected(bundle: Bundle, sample: Sample, artifact: Artifact, classes: int) -> NDArray[np.float32]:
    scores = np.array(sample.scores.get(artifact.file, ()), np.float32)
    if scores.shape != (classes,):
        raise InputRefused(
            str(bundle.path / FOLDER / FILE), f"expected {classes} scores of {artifact.file} for {sample.file}, found {len(scores)}"
        )
    return scores
