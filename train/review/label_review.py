"""Ranks the training and validation images by how little their label fits them.

Each image is scored by a model that saw no image of its object: the solved head on frozen features
of the default backbone, by folds of whole objects. The ranking is by self-confidence, the
probability of the image's own label, and a label is suspect where another class is more probable
(method 1, "confusion", of Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty
in Dataset Labels", JAIR 70, 2021). In two data sets with 5 % planted errors their normalized margin
found fewer of them than self-confidence, and their thresholds by class fewer than the ranking.
Test images take no part: a test set that is corrected by the opinion of a model flatters it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from runtime.shared.wording import counted
from train.backbones.registry import find_backbone
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import resolve_options
from train.data.dataset import Dataset
from train.data.decoded_cache import PixelCache
from train.fitting.augmentation import build_augmentation
from train.fitting.classifier_model import build_model
from train.fitting.frozen_features import FrozenFeatures, LabelledHashes
from train.fitting.schedule import POOL
from train.fitting.solved_head import MIN_DEVIATIONS, Floats, WeightedFeatures, solve_head
from workstation.run_folder import ImageRecord

FOLDS = 5
STRENGTH = 0.32
"""The strength of the head's regularization. It is strong, because some labels are wrong: with 5 %
planted errors 0.1 to 1 found more of them than the strength with the lowest validation loss."""


@dataclass(frozen=True)
class ReviewedLabel:
    """Holds what the other objects say about the label of an image.

    self_confidence: the probability of its label, 0..1. suggested: the most probable class.
    """

    image: ImageRecord
    self_confidence: float
    suggested: str


def build_feature_model(pixels: PixelCache) -> keras.Model:
    """Builds the default backbone with its pretrained weights, for the geometry of `pixels`.

    Raises:
        InputRefused: the images are too small for the backbone.
        MachineError: the package that holds the weights is missing.
    """
    # Cached features are found by the layers' names, which Keras numbers.
    keras.backend.clear_session()
    options = TrainOptions()
    backbone = find_backbone(options.backbone)
    return build_model(backbone, pixels.preprocessing, 1, resolve_options(options))


class ShownFeatures(NamedTuple):
    """Holds the training and validation images with their features, classes and groups.

    features: (n, size). targets: (n,). groups: the object of each image.
    """

    images: list[ImageRecord]
    features: Floats
    targets: NDArray[np.int64]
    groups: list[str]


def review_labels(
    data: Dataset, shown: ShownFeatures, scores: Floats, scored: NDArray[np.bool_]
) -> tuple[list[ReviewedLabel], list[str]]:
    """Returns the images, those whose label fits least first, and sentences on those left out.

    scores, scored: of `out_of_fold_scores`.
    """
    images = shown.images
    confidence = scores[np.arange(len(images)), shown.targets]
    ranked = [
        ReviewedLabel(images[row], float(confidence[row]), data.labels[scores[row].argmax()])
        for row in np.argsort(confidence, kind="stable")
        if scored[row]
    ]
    left_out = Counter(
        image.label for image, known in zip(images, scored, strict=True) if not known
    )
    return ranked, [
        f"{counted(count, 'image')} of '{label}' cannot be compared with others of that class: "
        "they show one object, or are near-duplicates"
        for label, count in sorted(left_out.items())
    ]


def compute_shown(
    data: Dataset, pixels: PixelCache, model: keras.Model, feature_folder: Path
) -> ShownFeatures:
    """Computes the features of the training and validation images."""
    images = [*data.split("train"), *data.split("val")]
    targets = np.array([*data.targets("train"), *data.targets("val")])
    frozen = FrozenFeatures(
        feature_folder, model, POOL, pixels, build_augmentation(TrainOptions(), 0, ())
    )
    hashes = LabelledHashes([image.sha256 for image in images], targets.tolist())
    features = frozen.plain(hashes, POOL, "features for the review")
    groups = [image.group or image.sha256 for image in images]
    return ShownFeatures(images, features, targets, groups)


def out_of_fold_scores(
    features: Floats,
    targets: NDArray[np.int64],
    groups: Sequence[str],
    classes: int,
    *,
    used: NDArray[np.bool_] | None = None,
    folds: Iterable[int] = range(FOLDS),
) -> tuple[Floats, NDArray[np.bool_]]:
    """Scores each image by a head that was solved without any image of its group.

    Returns (n, classes) probabilities, and whether the head of an image knew its class at all.
    Where no head could be solved the probabilities are 0. used: (n,) the images that heads may
    learn from; None: all. folds: every fold, perhaps with a progress bar.
    """
    fold_of = assign_folds(targets, groups)
    scores = np.zeros((len(targets), classes), np.float32)
    scored = np.zeros(len(targets), bool)
    one_hot = np.eye(classes, dtype=np.float32)[targets]
    for fold in folds:
        held_out = fold_of == fold
        learnt = ~held_out if used is None else used & ~held_out
        known = np.unique(targets[learnt])
        if not held_out.any() or len(known) < 2:
            continue
        weights = np.ones(learnt.sum(), np.float32)
        examples = WeightedFeatures(features[learnt], one_hot[learnt], weights)
        head = solve_head(examples, examples, (STRENGTH,), MIN_DEVIATIONS[:1])
        scores[held_out] = head.scores(features[held_out])
        scored[held_out] = np.isin(targets[held_out], known)
    return scores, scored


def assign_folds(targets: NDArray[np.int64], groups: Sequence[str]) -> NDArray[np.int64]:
    """Returns the fold of each image: whole groups, and each class spread over the folds.

    Large groups are placed first, each where its classes have the fewest images so far.
    """
    members: defaultdict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    fold_of = np.zeros(len(targets), np.int64)
    counts = np.zeros((FOLDS, targets.max() + 1), np.int64)
    for _, rows in sorted(members.items(), key=lambda item: (-len(item[1]), item[0])):
        labels = np.unique(targets[rows])
        fold = min(range(FOLDS), key=lambda fold: (counts[fold, labels].sum(), counts[fold].sum()))
        fold_of[rows] = fold
        np.add.at(counts[fold], targets[rows], 1)
    return fold_of
