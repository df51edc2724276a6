"""Repeats a bundle's golden samples here, and says which stage gave something else than at export, and by how much.

The stages are those a picture goes through: the file itself, decoding, resizing, the model. Where the bundle holds the pixels that the
model was given at export, the model is judged on these, apart from what came before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.bundle import Bundle
from runtime.classifier import Classifier
from runtime.cpu_model import architecture, read_cpu_model
from runtime.device_scores import nearest, read_device_scores
from runtime.digest import digest
from runtime.errors import InputRefused, MachineError, PictureRefused
from runtime.golden import FILE, FOLDER, Sample, read_golden, read_pixels
from runtime.manifest import Artifact
from runtime.opening import read_picture
from runtime.preprocess import decode, resize

STAGES = ("file", "decode", "resize", "model")

TOLERANCES = {"fp32": 1e-4, "fp16": 1e-4, "dynamic": 0.02}
QUANTIZED_TOLERANCE = 1 / 256
"""By precision, the score differences put down to another processor with the same library, not to a fault; the second for the others, and
one step of a uint8 output. The largest measured between x86-64 and aarch64: docs/parity.md."""


@dataclass(frozen=True)
class Difference:
    """One stage that gave something else than at export, on these pictures, by `mean` and at most `worst`.

    Of "model" these are score differences, 0..1. Of the stages before it they are levels, 0..255, of the pixels at the model's input;
    None where they are not known: the picture cannot be decoded here, or the bundle holds no pixels to compare with.
    """

    stage: str
    pictures: tuple[str, ...]
    mean: float | None
    worst: float | None


@dataclass(frozen=True)
class Verification:
    """One artifact on the golden samples: scores from file to answer, and the stages that differ, in order.

    processor: the one that the bundle has scores of which these are, where they are not the workstation's; else "".
    """

    artifact: str
    pictures: int
    mean_score_difference: float
    worst_score_difference: float
    same_top1: float
    differences: tuple[Difference, ...]
    processor: str = ""

    @property
    def state(self) -> str:
        """ "as exported", "as this processor does", or "wrong"."""
        return "wrong" if self.differences else "as this processor does" if self.processor else "as exported"

    @property
    def stage(self) -> str:
        """The first stage that differs; "" where all is as exported."""
        return self.differences[0].stage if self.differences else ""

    @property
    def details(self) -> tuple[str, ...]:
        """The pictures on which it does."""
        return self.differences[0].pictures if self.differences else ()

    @property
    def passed(self) -> bool:
        """Whether every stage gave what it gave at export, within the tolerances above."""
        return not self.differences


@dataclass(frozen=True)
class _Repeated:
    """One sample: its file, the first stage before the model that differs, the differences of each pixel, of the model and of all.

    device: the model's difference from what it gave on a device like this one; None where that is not known.
    """

    file: str
    stage: str
    levels: NDArray[np.int16] | None
    model: NDArray[np.float32] | None
    scores: NDArray[np.float32] | None
    device: NDArray[np.float32] | None
    same_top1: bool


def verify(bundle: Bundle, artifact: Artifact, threads: int | None = None) -> Verification:
    """Repeats the golden samples through one artifact of the bundle.

    Raises:
        InputRefused: the bundle is damaged.
        MachineError: the interpreter is not installed.
    """
    samples = read_golden(bundle.path)
    classifier = Classifier(bundle.path, artifact=artifact.file, threads=threads)
    device = nearest(read_device_scores(bundle.path), architecture(), read_cpu_model(), artifact.sha256)
    known = device.scores[artifact.sha256] if device else {}
    repeated = [_repeat(bundle, sample, artifact, classifier, known.get(sample.file)) for sample in samples]
    scores = [one.scores for one in repeated if one.scores is not None]
    tolerance = TOLERANCES.get(artifact.precision, QUANTIZED_TOLERANCE)
    differences = [_before_the_model(stage, [one for one in repeated if one.stage == stage]) for stage in STAGES[:-1]]
    off = [one for one in repeated if one.model is not None and one.model.max() > tolerance]
    as_device = bool(off) and all(one.device is not None and one.device.max() <= tolerance for one in off)
    differences.append(None if as_device else _of_the_model(off))
    return Verification(
        artifact=artifact.file,
        pictures=len(samples),
        mean_score_difference=float(np.mean(scores)) if scores else 0.0,
        worst_score_difference=float(np.max(scores)) if scores else 0.0,
        same_top1=float(np.mean([one.same_top1 for one in repeated])),
        differences=tuple(difference for difference in differences if difference is not None),
        processor=device.processor if device and as_device else "",
    )


def verify_all(bundle: Bundle, wanted: str | None, threads: int | None) -> Iterable[Verification | MachineError]:
    """Each exported artifact of the bundle, or the one called `wanted`; in place of one whose interpreter is missing, what is missing.

    Raises:
        InputRefused: the bundle is damaged or has no such artifact.
        MachineError: none can run here.
    """
    artifacts = [artifact for artifact in bundle.exported() if wanted in (None, artifact.file)]
    if not artifacts:
        raise InputRefused(str(bundle.path), f"has no artifact {wanted}")
    missing: list[MachineError] = []
    for artifact in artifacts:
        try:
            yield verify(bundle, artifact, threads)
        except MachineError as error:
            missing.append(error)
    if len(missing) == len(artifacts):
        raise missing[0]
    yield from missing


def _repeat(bundle: Bundle, sample: Sample, artifact: Artifact, classifier: Classifier, known: tuple[float, ...] | None) -> _Repeated:
    """`known`: the scores of this sample on a device like this one."""
    expected = _expected(bundle, sample, artifact, len(classifier.labels))
    content = read_picture(bundle.path / FOLDER / sample.file)
    same_file = digest(content) == sample.sha256
    try:
        image = decode(content, classifier.preprocessing, sample.file)
    except PictureRefused:
        exported = read_pixels(bundle.path, sample, classifier.preprocessing)
        answer = None if exported is None else classifier.scores(exported)
        model, device = _apart(answer, expected), _apart(answer, known)
        return _Repeated(sample.file, "decode" if same_file else "file", None, model, None, device, same_top1=False)
    pixels = resize(image, classifier.preprocessing)
    answer = classifier.scores(pixels)
    same = (same_file, digest(image) == sample.decoded_sha256, digest(pixels) == sample.pixels_sha256)
    stage = "" if all(same) else STAGES[same.index(False)]
    exported = pixels if same[2] else read_pixels(bundle.path, sample, classifier.preprocessing)
    of_exported = answer if same[2] else None if exported is None else classifier.scores(exported)
    levels = None if exported is None else np.abs(pixels.astype(np.int16) - exported)
    model, device = _apart(of_exported, expected), _apart(of_exported, known)
    top1 = bool(answer.argmax() == expected.argmax())
    return _Repeated(sample.file, stage, levels, model, _apart(answer, expected), device, same_top1=top1)


def _apart(answer: NDArray[np.float32] | None, other: Sequence[float] | NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """By how much two lists of scores differ; None where one is not there, or of another length."""
    if answer is None or other is None or len(other) != len(answer):
        return None
    return np.abs(answer - np.asarray(other, np.float32))


def _before_the_model(stage: str, repeated: list[_Repeated]) -> Difference | None:
    if not repeated:
        return None
    levels = [one.levels for one in repeated if one.levels is not None]
    mean, worst = (float(np.mean(levels)), float(np.max(levels))) if levels else (None, None)
    return Difference(stage, tuple(one.file for one in repeated), mean, worst)


def _of_the_model(off: list[_Repeated]) -> Difference | None:
    scores = [one.model for one in off if one.model is not None]
    return Difference("model", tuple(one.file for one in off), float(np.mean(scores)), float(np.max(scores))) if off else None


def _expected(bundle: Bundle, sample: Sample, artifact: Artifact, classes: int) -> NDArray[np.float32]:
    scores = np.array(sample.scores.get(artifact.file, ()), np.float32)
    if scores.shape != (classes,):
        raise InputRefused(
            str(bundle.path / FOLDER / FILE), f"expected {classes} scores of {artifact.file} for {sample.file}, found {len(scores)}"
        )
    return scores
