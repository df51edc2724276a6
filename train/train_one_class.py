"""Makes a model of one class from images of good parts, and measures it on good and bad ones.

Nothing is trained: the pretrained network stays as it is, and an image is known if its features are
similar to those of a training image.
"""

import time
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from runtime.errors import CheckFailed, InputRefused
from runtime.models.confidence import DEFAULT_KEEP
from runtime.shared.statistics import count_objects
from train.configuration.resolved_options import resolve_options
from train.distribution.single_device import feature_function
from train.evaluation.metrics import OneClassFigures
from train.fitting.augmentation import build_augmentation
from train.fitting.classifier_model import build_model
from train.fitting.frozen_features import FrozenFeatures, LabelledHashes
from train.fitting.schedule import POOL
from train.fitting.training_context import TrainingContext
from workstation.keras_saving import save_keras_file
from workstation.run_folder import MODEL, ImageRecord, Split, write_table
from workstation.similarity.measure import auroc, auroc_interval, threshold_to_keep
from workstation.similarity.prototypes import choose_prototypes, unit_rows

SIMILARITIES = "similarities.csv"
"""A row for each image that took no part in the prototypes: path, class, split, similarity."""
MEASURED: tuple[Split, ...] = ("val", "test", "strange")
ALL_ALIKE = 1e-5
"""Cosines that differ from 1 by less come from equal images."""


def train_one_class(context: TrainingContext, folder: Path) -> OneClassFigures:
    """Writes the model and the similarities of held-out images into `folder`.

    Raises:
        CheckFailed: the features are no finite numbers.
        InputRefused: all training images are alike, or the options do not fit the backbone.
        MachineError: the disk is full, or the weights cannot be fetched.
    """
    started_at = time.monotonic()
    keras.backend.clear_session()
    keras.utils.set_random_seed(context.options.seed)
    data = context.data
    settings = resolve_options(context.options)
    model = build_model(context.backbone, context.pixels.preprocessing, 1, settings)
    training = _features(context, model, data.split("train"))
    if (unit_rows(training) @ unit_rows(training[:1]).T).min() > 1 - ALL_ALIKE:
        raise InputRefused(
            str(data.root),
            f"its {len(training)} training images all look the same, so nothing else would be"
            " known; add images of other good parts",
        )
    prototypes = choose_prototypes(training, np.zeros(len(training), np.int64), 1)
    # The score is that of no training. A file's answer is the similarity that export adds.
    direction = unit_rows(unit_rows(training).mean(0, keepdims=True))
    model.layers[-1].set_weights([direction.T, np.zeros(1, np.float32)])
    save_keras_file(model, folder / MODEL)

    similar: dict[Split, NDArray[np.float32]] = {}
    for split in MEASURED:
        if images := data.split(split):
            similar[split] = prototypes.similarity(_features(context, model, images))[:, 0]
    rows = [
        (image.path, image.label, split, f"{value:.6f}")
        for split, values in similar.items()
        for image, value in zip(data.split(split), values.tolist(), strict=True)
    ]
    write_table(folder / SIMILARITIES, ("path", "label", "split", "similarity"), rows)
    return _measure(context, similar, time.monotonic() - started_at)


def _features(
    context: TrainingContext, model: keras.Model, images: list[ImageRecord]
) -> NDArray[np.float32]:
    frozen = FrozenFeatures(
        context.feature_folder,
        model,
        POOL,
        context.pixels,
        build_augmentation(context.options, context.options.seed, ()),
        feature_function,
    )
    hashes = LabelledHashes([image.sha256 for image in images], [0] * len(images))
    features = frozen.plain(hashes, POOL, "features")
    if not np.isfinite(features).all():
        raise CheckFailed(MODEL, "the network answered NaN or infinity; take other weights")
    return features


def _measure(
    context: TrainingContext, similar: dict[Split, NDArray[np.float32]], seconds: float
) -> OneClassFigures:
    data = context.data
    groups = {split: [image.group for image in data.split(split)] for split in MEASURED}
    threshold = threshold_to_keep(similar["val"], DEFAULT_KEEP)
    good, bad = similar["test"], similar.get("strange")
    figures = OneClassFigures(
        train_images=len(data.split("train")),
        val_images=len(similar["val"]),
        test_images=len(good),
        test_objects=count_objects(groups["test"]),
        bad_images=0,
        threshold=threshold,
        known_kept=float((good >= threshold).mean()),
        stopped=None,
        auroc=None,
        auroc_low=None,
        auroc_high=None,
        seconds=round(seconds, 1),
    )
    if bad is None:
        return figures
    low, high = auroc_interval(good, bad, groups["test"], groups["strange"])
    measured = {
        "bad_images": len(bad),
        "stopped": float((bad < threshold).mean()),
        "auroc": auroc(good, bad),
        "auroc_low": low,
        "auroc_high": high,
    }
    return OneClassFigures(**{**asdict(figures), **measured})
