"""Measures the accuracy of model files on a folder of images, with this machine's interpreters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.measurement.models_under_test import ModelUnderTest
from benchmarks.reporting.result_file import ResultFile
from runtime.classifier import Classifier
from runtime.errors import ImageRefused, InputRefused
from runtime.images.decoding import read_image
from runtime.models.model_spec import ModelSpec
from runtime.shared.class_folders import class_folders
from runtime.shared.parity import compare
from runtime.shared.scoring import score_images
from runtime.sources.paths import walk
from runtime.system.hashing import sha256_of
from runtime.system.json_records import OLD_KEYS
from runtime.system.terminal import say

SCHEMA, KIND = 2, "accuracy"
FLOAT = "fp32"


@dataclass(frozen=True)
class Accuracy:
    """Holds the figures of one model file; fractions are 0..1.

    artifact: its name, or its path if two files have the same name.
    reference: the first float32 file, or the first file if there is none.
    agreement: how often its label is that of the reference.
    drop: accuracy of the reference less its own, with the 95 % interval (runtime.shared.parity).
    """

    artifact: str
    sha256: str
    images: int
    accuracy: float
    reference: str
    agreement: float
    drop: float
    drop_low: float
    drop_high: float

    def __post_init__(self) -> None:
        for name in ("accuracy", "agreement"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise InputRefused(
                    "accuracy", f"expected {name} from 0 to 1, found {str(value)[:50]}"
                )


@dataclass(frozen=True)
class AccuracyReport(ResultFile):
    """Holds the results of one run; `refused` counts the files that are no images."""

    old_keys: ClassVar = {"results": OLD_KEYS}
    command: str
    refused: int
    results: tuple[Accuracy, ...]
    kind: str = KIND
    schema: int = SCHEMA


def measure_accuracy(
    models: Sequence[ModelUnderTest],
    folder: Path,
    threads: int | None,
    spec: ModelSpec | None = None,
) -> tuple[tuple[Accuracy, ...], dict[Path, str]]:
    """Runs every model on every image of `folder`; returns the figures and why files were refused.

    Raises:
        InputRefused: the models differ in labels, or no file is an image.
    """
    classifiers = {
        tested.file: Classifier(
            tested.source,
            artifact=tested.artifact or None,
            threads=threads,
            spec=spec,
            throughput=True,
        )
        for tested in models
    }
    for classifier in classifiers.values():
        if classifier.remark:
            say(classifier.remark)
    files = _labelled_files(folder, _common_labels(classifiers))
    refused: dict[Path, str] = {}

    def refuse(labelled: tuple[Path, int], refusal: ImageRefused) -> None:
        refused[labelled[0]] = refusal.reason

    read, scores = score_images(
        list(classifiers.values()), files, lambda labelled: read_image(labelled[0]), refuse
    )
    if not read:
        raise InputRefused(str(folder), "holds no readable image")
    arrays = dict(zip(classifiers, scores, strict=True))
    truth = np.array([label for _, label in read])
    names = [str(path) for path, _ in read]
    return _accuracies(classifiers, arrays, truth, names), refused


def _common_labels(classifiers: Mapping[Path, Classifier]) -> tuple[str, ...]:
    """Returns the labels of the first classifier if all have them."""
    (first_path, first), *others = classifiers.items()
    for path, classifier in others:
        if classifier.labels != first.labels:
            raise InputRefused(str(path), f"has other labels than {first_path}; measure it alone")
    return first.labels


def _labelled_files(folder: Path, labels: Sequence[str]) -> list[tuple[Path, int]]:
    """Returns every file in the class folders of `folder`, with the index of its class.

    Raises:
        InputRefused: no class folders (runtime.shared.class_folders), or no files in them.
    """
    files = [
        (file, labels.index(label))
        for label, class_folder in class_folders(folder, labels)
        for file in walk(class_folder)
    ]
    if not files:
        raise InputRefused(str(folder), "holds no files in its class folders")
    return files


def _accuracies(
    classifiers: Mapping[Path, Classifier],
    scores: Mapping[Path, np.ndarray],
    truth: np.ndarray,
    images: list[str],
) -> tuple[Accuracy, ...]:
    reference = next((file for file in scores if f".{FLOAT}." in file.name), next(iter(scores)))
    unique = len({file.name for file in scores}) == len(scores)
    names = {file: file.name if unique else str(file) for file in scores}
    results = []
    for file, classifier in classifiers.items():
        parity = compare(images, truth, scores[reference], scores[file], classifier.labels)
        result = Accuracy(
            artifact=names[file],
            sha256=sha256_of(classifier.file.read_bytes()),
            images=len(truth),
            accuracy=parity.candidate_accuracy,
            reference=names[reference],
            agreement=parity.agreement,
            drop=parity.drop,
            drop_low=parity.drop_low,
            drop_high=parity.drop_high,
        )
        results.append(result)
    return tuple(results)
