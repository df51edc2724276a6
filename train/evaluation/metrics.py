"""Computes accuracy with its uncertainty, and precision, recall and F1 of each class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.shared.statistics import accuracy_interval, count_objects
from train.evaluation.predictions import LabelledPrediction


@dataclass(frozen=True)
class OneClassFigures:
    """Holds what was measured of a model of one class; fractions are 0..1.

    threshold: the similarity that keeps DEFAULT_KEEP of the validation images. known_kept: the
        fraction of good test images that are at least so similar.
    stopped: the fraction of bad test images below it. auroc: the chance that a good test image is
        more similar than a bad one, with its 95 % interval over objects. These are None without bad
        ones.
    """

    train_images: int
    val_images: int
    test_images: int
    test_objects: int
    bad_images: int
    threshold: float
    known_kept: float
    stopped: float | None
    auroc: float | None
    auroc_low: float | None
    auroc_high: float | None
    seconds: float


@dataclass(frozen=True)
class ClassScore:
    """Holds the scores of one class; fractions are 0..1, or None for 0/0.

    images: how many images have the class.
    predicted_images: how many images are predicted to have it.
    recall: the fraction of its images that are predicted correctly.
    class_precision: the fraction of the images predicted to have it that do have it.
    f1: the harmonic mean of the two.
    """

    label: str
    images: int
    predicted_images: int
    recall: float | None
    class_precision: float | None
    f1: float | None


@dataclass(frozen=True)
class Confusion:
    """Counts the images of the class `label` for which the model predicts `predicted`."""

    label: str
    predicted: str
    images: int


@dataclass(frozen=True)
class Metrics:
    """Holds the scores of a classifier on labelled images; fractions are 0..1.

    objects: how many different objects the images show; see train.data.groups.
    low, high: the 95 % interval of the accuracy, if the objects are a random sample.
    balanced_accuracy: the mean recall over the classes that have images; a class of 2 images
        counts as much as one of 2,000.
    majority: the accuracy of always predicting `majority_label`, the most frequent class.
    class_scores: in the order of the model's outputs.
    confusions: the wrong predictions, the most frequent first.
    """

    images: int
    objects: int
    accuracy: float
    low: float
    high: float
    balanced_accuracy: float
    majority: float
    majority_label: str
    class_scores: tuple[ClassScore, ...]
    confusions: tuple[Confusion, ...]

    def worst_first(self) -> list[ClassScore]:
        """Returns the classes by F1, the lowest first and those without images last."""
        return sorted(
            self.class_scores,
            key=lambda score: (score.recall is None, score.f1 or 0.0, score.label),
        )


def compute_metrics(labels: Sequence[str], predictions: Sequence[LabelledPrediction]) -> Metrics:
    """Returns the metrics of at least one prediction; `labels` are in the model's output order."""
    counts = confusion_matrix(labels, predictions)
    correct, images, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
    groups = [prediction.group for prediction in predictions]
    right = np.array([prediction.correct for prediction in predictions])
    low, high = accuracy_interval(right, groups)
    has_images = images > 0
    majority = int(images.argmax())
    return Metrics(
        images=len(predictions),
        objects=count_objects(groups),
        accuracy=int(correct.sum()) / len(predictions),
        low=low,
        high=high,
        balanced_accuracy=float(np.mean(correct[has_images] / images[has_images])),
        majority=int(images[majority]) / len(predictions),
        majority_label=labels[majority],
        class_scores=tuple(
            ClassScore(label, int(n), int(m), _ratio(k, n), _ratio(k, m), _ratio(2 * k, n + m))
            for label, k, n, m in zip(labels, correct, images, predicted, strict=True)
        ),
        confusions=tuple(_confusions(labels, counts)),
    )


def _confusions(labels: Sequence[str], counts: NDArray[np.int64]) -> list[Confusion]:
    confusions = [
        Confusion(labels[row], labels[column], int(counts[row, column]))
        for row, column in np.argwhere(counts).tolist()
        if row != column
    ]
    return sorted(confusions, key=lambda confusion: -confusion.images)


def confusion_matrix(
    labels: Sequence[str], predictions: Sequence[LabelledPrediction]
) -> NDArray[np.int64]:
    """Returns (classes, classes) counts: rows are the images' classes, columns the predicted."""
    index = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), np.int64)
    for prediction in predictions:
        counts[index[prediction.label], index[prediction.predicted]] += 1
    return counts


def confident_mistakes(
    predictions: Sequence[LabelledPrediction], max_mistakes: int
) -> list[LabelledPrediction]:
    """Returns the wrong predictions with the highest scores."""
    mistakes = [prediction for prediction in predictions if not prediction.correct]
    mistakes.sort(key=lambda prediction: (-prediction.score, prediction.path))
    return mistakes[:max_mistakes]


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
