"""Chooses the golden images of a bundle, and records what each stage gives for them here."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from export.inputs.trained_run import TrainedRun, stratified_sample
from export.parity.evaluate import Reference
from runtime.bundles.golden_images import (
    FOLDER,
    REFERENCE,
    GoldenImage,
    write_golden,
    write_pixels,
)
from runtime.classifier import Classifier
from runtime.images.preprocessing import preprocess, resize
from runtime.system.hashing import sha256_of
from workstation.run_folder import ImageRecord

MAX_GOLDEN_IMAGES = 16
MAX_LABEL_CHARS, MAX_SUFFIX_CHARS = 40, 6
"""The most characters of a label and a suffix, in the name of a golden image's file."""


def write_golden_images(
    bundle: Path, run: TrainedRun, reference: Reference, seed: int, key: str = REFERENCE
) -> tuple[GoldenImage, ...]:
    """Copies up to 16 test images into the bundle's golden folder, evenly over the classes.

    Beside each goes what the model takes for it. Returns the golden images with the reference's
    scores, under `key`.
    """
    folder = bundle / FOLDER
    folder.mkdir()
    golden_images = []
    for number, image in enumerate(stratified_sample(run.split("test"), MAX_GOLDEN_IMAGES, seed)):
        content = run.read(image)
        name = _file_name(number, image)
        (folder / name).write_bytes(content)
        decoded = run.manifest.preprocessing.decode(content, image.path)
        pixels = resize(decoded, run.manifest.preprocessing)
        scores = {key: tuple(map(float, reference(pixels[np.newaxis])[0]))}
        hashes = sha256_of(content), sha256_of(decoded), sha256_of(pixels)
        golden_image = GoldenImage(name, image.label, *hashes, scores)
        write_pixels(folder, golden_image, pixels)
        golden_images.append(golden_image)
    return tuple(golden_images)


def _file_name(number: int, image: ImageRecord) -> str:
    label = re.sub(r"[^A-Za-z0-9]+", "-", image.label)[:MAX_LABEL_CHARS]
    suffix = Path(image.path).suffix.lower()[:MAX_SUFFIX_CHARS]
    return f"{number:02d}-{label}{suffix}"


def record_scores(
    bundle: Path, golden_images: tuple[GoldenImage, ...], classifiers: Sequence[Classifier]
) -> None:
    """Writes golden.json with each classifier's scores of each golden image, by file name."""
    recorded = []
    for golden_image in golden_images:
        scores = dict(golden_image.scores)
        prepare = cache(partial(preprocess, bundle / FOLDER / golden_image.file))
        for classifier in classifiers:
            pixels = prepare(classifier.preprocessing)
            scores[classifier.file.name] = tuple(map(float, classifier.scores(pixels)))
        recorded.append(replace(golden_image, scores=scores))
    write_golden(bundle / FOLDER, tuple(recorded))
