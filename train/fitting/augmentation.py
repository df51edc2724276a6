"""Builds the augmentation of training images, and leaves out the families of it that do harm.

The augmentation is a model of its own, so it is not part of a saved classifier.
"""

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Literal, get_args

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from runtime.shared.statistics import bootstrap_interval
from runtime.system.terminal import say
from train.configuration.options import Flip, TrainOptions
from train.fitting.frozen_features import FrozenFeatures, LabelledHashes
from train.fitting.loss import weighted_examples
from train.fitting.solved_head import MIN_DEVIATIONS, WeightedFeatures, image_losses, solve_head
from train.fitting.training_context import TrainingContext

Family = Literal["flip", "geometry", "colour"]

FLIPS: dict[Flip, tuple[str, ...]] = {
    "none": (),
    "horizontal": ("horizontal",),
    "both": ("horizontal", "vertical"),
}
"""The RandomFlip layers of each option.

Keras' own "horizontal_and_vertical" draws once for both directions, so it only ever turns an image
by 180 degrees (Keras 3.15).
"""
MAX_SAMPLE_IMAGES = 400
"""A family is tried on at most so many training images, which takes a few seconds."""


def strength_of(options: TrainOptions) -> float:
    """Returns the strength of geometry and colour; "auto" has 1."""
    return 1.0 if options.augment == "auto" else options.augment


def possible_families(options: TrainOptions) -> tuple[Family, ...]:
    """Returns the families that the options ask for."""
    asked = {
        "flip": options.flip != "none",
        "geometry": strength_of(options) > 0,
        "colour": strength_of(options) > 0,
    }
    return tuple(family for family in get_args(Family) if asked[family])


def build_augmentation(
    options: TrainOptions, seed: int, families: Collection[Family]
) -> keras.Sequential:
    """Returns random changes of (n, height, width, 3) float images in 0..255, RGB or grey.

    At strength 1 geometry turns an image by up to 18 degrees, shifts and scales it by up to a tenth
    of its size. Colour changes brightness and contrast by up to a tenth of the range.
    """
    strength = strength_of(options)
    steps: list[layers.Layer] = []
    if "flip" in families:
        steps += [
            layers.RandomFlip(direction, seed=seed + 10 * index)
            for index, direction in enumerate(FLIPS[options.flip])
        ]
    if "geometry" in families:
        steps += [
            layers.RandomRotation(0.05 * strength, fill_mode="nearest", seed=seed + 1),
            layers.RandomTranslation(
                0.1 * strength, 0.1 * strength, fill_mode="nearest", seed=seed + 2
            ),
            layers.RandomZoom(0.1 * strength, fill_mode="nearest", seed=seed + 3),
        ]
    if "colour" in families:
        steps += [
            layers.RandomBrightness(0.1 * strength, seed=seed + 4),
            layers.RandomContrast(0.1 * strength, seed=seed + 5),
        ]
    return keras.Sequential([layers.Identity(), *steps])


def choose_families(
    context: TrainingContext, frozen: FrozenFeatures, boundary: str, seed: int
) -> tuple[Family, ...]:
    """Returns the families without those that raise the loss on validation images.

    For each family a head is solved on the plain images and one variant made by the family. The
    family is left out if the validation loss of this head is above that of a head solved on the
    plain images by more than chance (95 %, by bootstrap over objects). The first worker decides
    for all, on its own images.
    """
    train, val = weighted_examples(context, len(context.data.labels))
    shard = context.strategy.shard
    objects = shard.part([image.group for image in context.data.split("val")])
    val_features = frozen.plain(val.hashes, boundary)
    held_out = WeightedFeatures(val_features, val.targets, val.weights)
    chosen = np.linspace(
        0, len(train.weights) - 1, min(MAX_SAMPLE_IMAGES, len(train.weights)), dtype=int
    )
    plain = frozen.variant(train.hashes, 0, boundary)[chosen]
    hashes, targets = train.hashes, train.targets[chosen]
    sample = LabelledHashes(
        [hashes.sha256s[index] for index in chosen],
        [hashes.targets[index] for index in chosen],
    )

    def losses(*variants: NDArray[np.float16]) -> NDArray[np.float64]:
        features = WeightedFeatures(
            np.concatenate(variants).astype(np.float32),
            np.tile(targets, (len(variants), 1)),
            np.tile(train.weights[chosen], len(variants)),
        )
        head = solve_head(features, held_out, min_deviations=MIN_DEVIATIONS[:1])
        return image_losses(head, held_out)

    plain_losses = losses(plain)
    kept: list[Family] = []
    remarks = []
    for family in possible_families(context.options):
        augment = build_augmentation(context.options, seed, (family,))
        variant = replace(frozen, augment=augment).variant(
            sample, 1, boundary, f"augmentation: {family}"
        )
        rise = (losses(plain, variant) - plain_losses) * val.weights
        if bootstrap_interval(rise, objects)[0] > 0:
            remarks.append(f"left out {family}: validation loss +{rise.mean():.3f}")
        else:
            kept.append(family)
    decisions = context.strategy.gather(json.dumps([kept, remarks]).encode())
    kept, remarks = json.loads(decisions[0])
    say("; ".join([f"augmentation: {', '.join(kept) or 'none'}", *remarks]))
    return tuple(kept)
