"""Builds the targets and weights of the cross-entropy that training minimizes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused
from train.configuration.options import ClassWeights
from train.fitting.frozen_features import LabelledHashes
from train.fitting.training_context import TrainingContext
from workstation.run_folder import Split

LEARNT: tuple[Split, ...] = ("train", "val")


@dataclass(frozen=True)
class WeightedExamples:
    """Holds the images of this worker, with their (n, classes) targets and (n,) weights."""

    hashes: LabelledHashes
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]


def weighted_examples(
    context: TrainingContext, classes: int
) -> tuple[WeightedExamples, WeightedExamples]:
    """Returns this worker's shard of the training and of the validation images.

    Raises:
        InputRefused: a worker would have no image.
    """
    options, shard = context.options, context.strategy.shard
    for split in LEARNT:
        if (images := len(context.data.split(split))) < shard.count:
            raise InputRefused(
                "--worker",
                f"expected at most as many workers as {split} images, {images}, "
                f"found {shard.count}",
            )
    weights = class_weights(context.data.targets("train"), classes, options.class_weights)
    train = LabelledHashes.of_split(context.data, "train").shard(shard)
    val = LabelledHashes.of_split(context.data, "val").shard(shard)
    return (
        WeightedExamples(train, one_hot(train.targets, classes), weights[train.targets]),
        WeightedExamples(val, one_hot(val.targets, classes), weights[val.targets]),
    )


def one_hot(targets: list[int], classes: int) -> NDArray[np.float32]:
    """Returns (n, classes) targets: 1 for the class of each image."""
    return np.asarray(np.eye(classes, dtype=np.float32)[targets])


def smoothed(targets: NDArray[np.float32], smoothing: float) -> NDArray[np.float32]:
    """Returns targets (n, classes) times 1 - smoothing, plus smoothing / classes for all.

    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016,
    section 7.
    """
    spread = smoothing / targets.shape[1]
    return np.asarray(targets * (1 - smoothing) + spread, np.float32)


def class_weights(targets: list[int], classes: int, kind: ClassWeights) -> NDArray[np.float32]:
    """Returns the (classes,) weights of an image of each class.

    "balanced" is n / (classes * images of the class), so that each class has the same total weight.
    It is the heuristic of scikit-learn, after King and Zeng, "Logistic Regression in Rare Events
    Data", Political Analysis 9 (2001).
    """
    if kind == "none":
        return np.ones(classes, np.float32)
    counts = np.bincount(targets, minlength=classes)
    return (len(targets) / (classes * np.maximum(counts, 1))).astype(np.float32)
