"""Repeats a bundle's golden images here and reports which stage differs from export, and how much.

An image goes through these stages: the file itself, decoding, resizing, the model. If the bundle
holds the pixels that the model got at export, the model is checked on these, apart from the stages
before it.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from runtime.bundles.bundle import Bundle
from runtime.bundles.contents import check_contents
from runtime.bundles.device_scores import nearest_processor, read_device_scores
from runtime.bundles.golden_images import read_golden
from runtime.classifier import Classifier
from runtime.deployment.golden_check import IMAGE_STAGES, GoldenResult, repeat_golden
from runtime.errors import InputRefused, MachineError
from runtime.models.manifest import Artifact
from runtime.system.cpu_model import architecture, read_cpu_model

TOLERANCES = {"fp32": 1e-4, "fp16": 1e-4, "dynamic": 0.02}
QUANTIZED_TOLERANCE = 1 / 256
"""The score differences, by precision, that come from another processor and are no fault.
The second is for all other precisions, and is one step of a uint8 output. docs/parity.md has the
largest differences measured between x86-64 and aarch64."""

VerifyOutcome = Literal["as exported", "as this processor does", "wrong"]


@dataclass(frozen=True)
class Difference:
    """Describes one stage that differs from export on these images.

    mean, worst: for the stage "model", score differences, 0..1. For the stages before it, levels,
        0..255, of the pixels at the model's input. None means not known: the image cannot be
        decoded here, or the bundle holds no pixels to compare with.
    """

    stage: str
    image_names: tuple[str, ...]
    mean: float | None
    worst: float | None


@dataclass(frozen=True)
class Verification:
    """Holds the result of one artifact on the golden images.

    mean_score_difference, worst_score_difference: of scores from file to answer.
    differences: the stages that differ, in order.
    processor: the one whose scores in the bundle these are, if not the workstation's; else "".
    """

    artifact: str
    images: int
    mean_score_difference: float
    worst_score_difference: float
    same_top1: float
    differences: tuple[Difference, ...]
    processor: str = ""

    @property
    def outcome(self) -> VerifyOutcome:
        """Returns "as exported", "as this processor does" or "wrong"."""
        if self.differences:
            return "wrong"
        return "as this processor does" if self.processor else "as exported"

    @property
    def stage(self) -> str:
        """Returns the first stage that differs; "" if none does."""
        return self.differences[0].stage if self.differences else ""

    @property
    def details(self) -> tuple[str, ...]:
        """Returns the images on which the first such stage differs."""
        return self.differences[0].image_names if self.differences else ()

    @property
    def passed(self) -> bool:
        """Returns whether every stage agrees with export, within the tolerances above."""
        return not self.differences

    def to_record(self, bundle_id: str) -> dict[str, Any]:
        """Returns the JSON record: the fields, what follows from them, and the bundle's id."""
        return {
            **asdict(self),
            "outcome": self.outcome,
            "stage": self.stage,
            "details": self.details,
            "passed": self.passed,
            "bundle_id": bundle_id,
        }


def verify(bundle: Bundle, artifact: Artifact, threads: int | None = None) -> Verification:
    """Repeats the golden images through one artifact of the bundle.

    Raises:
        InputRefused: the bundle is damaged.
        MachineError: the interpreter is not installed.
    """
    bundle.read(artifact)  # checks its sha256; a classifier checks the CRC-32
    golden_images = read_golden(bundle.path)
    classifier = Classifier(bundle.path, artifact=artifact.file, threads=threads)
    device = nearest_processor(
        read_device_scores(bundle.path), architecture(), read_cpu_model(), artifact.sha256
    )
    device_scores = device.scores[artifact.sha256] if device else {}
    results = [
        repeat_golden(
            bundle, golden_image, artifact, classifier, device_scores.get(golden_image.file)
        )
        for golden_image in golden_images
    ]
    tolerance = TOLERANCES.get(artifact.precision, QUANTIZED_TOLERANCE)
    wrong = [
        result for result in results if result.model is not None and result.model.max() > tolerance
    ]
    is_as_device = bool(wrong) and all(
        result.device is not None and result.device.max() <= tolerance for result in wrong
    )
    differences = [
        _image_difference(stage, [result for result in results if result.stage == stage])
        for stage in IMAGE_STAGES
    ]
    if not is_as_device:
        differences.append(_model_difference(wrong))
    scores = [result.scores for result in results if result.scores is not None]
    return Verification(
        artifact=artifact.file,
        images=len(golden_images),
        mean_score_difference=float(np.mean(scores)) if scores else 0.0,
        worst_score_difference=float(np.max(scores)) if scores else 0.0,
        same_top1=float(np.mean([result.same_top1 for result in results])),
        differences=tuple(difference for difference in differences if difference is not None),
        processor=device.processor if device and is_as_device else "",
    )


def verify_all(
    bundle: Bundle, artifact_file: str | None, threads: int | None
) -> Iterable[Verification | MachineError]:
    """Verifies each exported artifact of the bundle, or only the one called `artifact_file`.

    The result of an artifact whose interpreter is missing is a MachineError that names it.

    Raises:
        InputRefused: the bundle is damaged or has no such artifact.
        MachineError: no artifact can run here.
    """
    artifacts = [
        artifact for artifact in bundle.exported() if artifact_file in (None, artifact.file)
    ]
    if not artifacts:
        raise InputRefused(str(bundle.path), f"has no artifact {artifact_file}")
    check_contents(bundle, read_golden(bundle.path))
    missing: list[MachineError] = []
    for artifact in artifacts:
        try:
            yield verify(bundle, artifact, threads)
        except MachineError as error:
            missing.append(error)
    if len(missing) == len(artifacts):
        raise missing[0]
    yield from missing


def _image_difference(stage: str, results: list[GoldenResult]) -> Difference | None:
    if not results:
        return None
    files = tuple(result.file for result in results)
    levels = [result.levels for result in results if result.levels is not None]
    if not levels:
        return Difference(stage, files, None, None)
    return Difference(stage, files, float(np.mean(levels)), float(np.max(levels)))


def _model_difference(results: list[GoldenResult]) -> Difference | None:
    if not results:
        return None
    files = tuple(result.file for result in results)
    scores = [result.model for result in results if result.model is not None]
    return Difference("model", files, float(np.mean(scores)), float(np.max(scores)))
