"""Repeats one golden image here and measures the difference of each stage from its export."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from runtime.arrays import NDArray
from runtime.bundles.bundle import Bundle
from runtime.bundles.golden_images import FILE, FOLDER, GoldenImage, read_pixels
from runtime.classifier import Classifier
from runtime.errors import ImageRefused, InputRefused
from runtime.images.decoding import read_image
from runtime.images.preprocessing import resize
from runtime.models.manifest import Artifact
from runtime.system.hashing import sha256_of

Scores = NDArray[np.float32]
IMAGE_STAGES = ("file", "decode", "resize")
"""The stages before the model."""


@dataclass(frozen=True)
class GoldenResult:
    """Holds the differences of one golden image, per pixel or per class; None means not known.

    stage: the first stage before the model that differs; "" if none does.
    levels: of the pixels at the model's input, in levels of 255.
    model: of the scores of the model alone, on the pixels at its input at export.
    scores: of the scores from file to answer.
    device: of the model's scores, from those on a device like this one.
    """

    file: str
    stage: str
    levels: NDArray[np.int16] | None
    model: Scores | None
    scores: Scores | None
    device: Scores | None
    same_top1: bool


def repeat_golden(
    bundle: Bundle,
    golden_image: GoldenImage,
    artifact: Artifact,
    classifier: Classifier,
    device_scores: Sequence[float] | None,
) -> GoldenResult:
    """Runs a golden image from its file to its scores; `device_scores` are of a device like this.

    Raises:
        InputRefused: the bundle has no scores of this artifact for the image.
        ImageRefused: the image's file cannot be read.
    """
    expected = _expected_scores(bundle, golden_image, artifact, len(classifier.labels))
    preprocessing = classifier.preprocessing
    content = read_image(bundle.path / FOLDER / golden_image.file)
    same_file = sha256_of(content) == golden_image.sha256
    try:
        image = preprocessing.decode(content, golden_image.file)
    except ImageRefused:
        exported_pixels = read_pixels(bundle.path, golden_image, preprocessing)
        model_scores = None if exported_pixels is None else classifier.scores(exported_pixels)
        return GoldenResult(
            file=golden_image.file,
            stage="decode" if same_file else "file",
            levels=None,
            model=_difference(model_scores, expected),
            scores=None,
            device=_difference(model_scores, device_scores),
            same_top1=False,
        )
    pixels = resize(image, preprocessing)
    scores = classifier.scores(pixels)
    same_pixels = sha256_of(pixels) == golden_image.pixels_sha256
    same = (same_file, sha256_of(image) == golden_image.decoded_sha256, same_pixels)
    exported_pixels, model_scores = pixels, scores
    if not same_pixels:
        exported_pixels = read_pixels(bundle.path, golden_image, preprocessing)
        model_scores = None if exported_pixels is None else classifier.scores(exported_pixels)
    levels = None
    if exported_pixels is not None:
        levels = np.abs(pixels.astype(np.int16) - exported_pixels)
    return GoldenResult(
        file=golden_image.file,
        stage="" if all(same) else IMAGE_STAGES[same.index(False)],
        levels=levels,
        model=_difference(model_scores, expected),
        scores=_difference(scores, expected),
        device=_difference(model_scores, device_scores),
        same_top1=bool(scores.argmax() == expected.argmax()),
    )


def _expected_scores(
    bundle: Bundle, golden_image: GoldenImage, artifact: Artifact, classes: int
) -> Scores:
    scores = np.array(golden_image.scores.get(artifact.file, ()), np.float32)
    if scores.shape != (classes,):
        raise InputRefused(
            str(bundle.path / FOLDER / FILE),
            f"expected {classes} scores of {artifact.file} for {golden_image.file},"
            f" found {len(scores)}",
        )
    return scores


def _difference(scores: Scores | None, reference: Sequence[float] | Scores | None) -> Scores | None:
    """Returns the absolute differences; None if a side is missing or their lengths differ."""
    if scores is None or reference is None or len(reference) != len(scores):
        return None
    return np.abs(scores - np.asarray(reference, np.float32))
