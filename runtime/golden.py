"""Golden samples: held-out pictures that travel with the bundle, and what each stage gave for them on the workstation.

`verify` repeats them on the device and says which stage differs: the file itself, decoding, resizing or the model.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from runtime.bundle import Bundle
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.manifest import Artifact
from runtime.preprocess import decode, digest, read_picture, resize
from runtime.records import build, expect_list, parse_json, read_text

FOLDER, FILE = "golden", "golden.json"
REFERENCE = "model.keras"
"""The name under which a sample's scores of the Keras model stand."""

QUANTIZED_TOLERANCE, FLOAT_TOLERANCE = 2 / 256, 1e-3
"""Score differences put down to the processor, not to a fault: two steps of a uint8 output, and a float's rounding (measured
between x86-64 and aarch64 with the same library: 0 for TFLite int8, 6.5e-6 for float)."""


@dataclass(frozen=True)
class Sample:
    """One picture: its file in golden/, its label, the sha256 of each stage, and (classes,) scores by model file name."""

    file: str
    label: str
    sha256: str
    decoded_sha256: str
    pixels_sha256: str
    scores: Mapping[str, tuple[float, ...]]


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
    data = parse_json(read_text(path, "has no golden samples"))
    if not isinstance(data, dict) or data.get("schema") != 1:
        raise InputRefused(str(path), "expected an object with schema 1")
    samples = tuple(build(Sample, sample) for sample in expect_list("samples", data.get("samples")))
    for sample in samples:
        if not isinstance(sample.file, str) or Path(sample.file).name != sample.file or not isinstance(sample.scores, dict):
            raise InputRefused(str(path), f"a sample does not hold up: {str(sample)[:80]}")
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
        content = read_picture(bundle.path / FOLDER / sample.file)
        image = decode(content, classifier.preprocessing, sample.file)
        pixels = resize(image, classifier.preprocessing)
        expected = np.asarray(sample.scores.get(artifact.file, ()), np.float32)
        if expected.shape != (len(classifier.labels),):
            raise InputRefused(str(bundle.path / FOLDER / FILE), f"has no scores of {artifact.file} for {sample.file}")
        scores = classifier.scores(pixels)
        difference = float(np.abs(scores - expected).max())
        worst, same = max(worst, difference), same + int(scores.argmax() == expected.argmax())
        stages = {
            "file": digest(content) == sample.sha256,
            "decode": digest(image) == sample.decoded_sha256,
            "resize": digest(pixels) == sample.pixels_sha256,
            "model": difference <= tolerance,
        }
        found += [(list(stages).index(stage), stage, sample.file) for stage, right in stages.items() if not right][:1]
    stage = min(found)[1] if found else ""
    return Verification(artifact.file, len(samples), worst, same / len(samples), stage, tuple(name for _, at, name in found if at == stage))
