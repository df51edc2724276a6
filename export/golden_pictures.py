"""Chooses the golden samples of a bundle and records what each stage gives for them here."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from export.answers import Reference
from export.trained import Run, balanced
from runtime.classifier import Classifier
from runtime.digest import digest
from runtime.golden import FOLDER, REFERENCE, Sample, write_golden, write_pixels
from runtime.preprocess import decode, preprocess, resize

COUNT = 16


def write_golden_pictures(bundle: Path, run: Run, reference: Reference, seed: int) -> tuple[Sample, ...]:
    """Copies up to 16 test pictures, evenly over the classes, into the bundle's golden folder, with what the model is given for each."""
    folder = bundle / FOLDER
    folder.mkdir()
    samples = []
    for number, picture in enumerate(balanced(run.split("test"), COUNT, seed)):
        content = run.read(picture)
        name = f"{number:02d}-{re.sub(r'[^A-Za-z0-9]+', '-', picture.label)[:40]}{Path(picture.path).suffix.lower()[:6]}"
        (folder / name).write_bytes(content)
        image = decode(content, run.manifest.preprocessing, picture.path)
        pixels = resize(image, run.manifest.preprocessing)
        scores = {REFERENCE: tuple(map(float, reference(pixels[np.newaxis])[0]))}
        sample = Sample(name, picture.label, digest(content), digest(image), digest(pixels), scores)
        write_pixels(folder, sample, pixels)
        samples.append(sample)
    return tuple(samples)


def record_scores(bundle: Path, samples: tuple[Sample, ...], classifiers: Sequence[Classifier]) -> None:
    """Adds what each classifier answers for each sample, under its file's name, and writes golden.json."""
    recorded = []
    for sample in samples:
        scores = dict(sample.scores)
        for classifier in classifiers:
            answer = classifier.scores(preprocess(bundle / FOLDER / sample.file, classifier.preprocessing))
            scores[classifier.file.name] = tuple(map(float, answer))
        recorded.append(replace(sample, scores=scores))
    write_golden(bundle / FOLDER, tuple(recorded))
