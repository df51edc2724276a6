"""Features of augmented variants: different, reproducible, and found again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from train.checkpoints.history import select_best_epoch
from train.configuration.options import Flip, TrainOptions
from train.data.dataset import Dataset
from train.data.decoded_cache import PixelCache
from train.distribution.mixed_precision import FLOAT32, MIXED, precision
from train.distribution.strategy import WorkerShard
from train.fitting.augmentation import build_augmentation, possible_families
from train.fitting.frozen_features import FrozenFeatures, LabelledHashes
from train.fitting.schedule import INPUT


def _augmentation(options: TrainOptions, seed: int) -> keras.Sequential:
    return build_augmentation(options, seed, possible_families(options))


Variants = Callable[[Path, Flip, int], list[np.ndarray]]


@pytest.fixture
def variants(
    data: Dataset, pixels: PixelCache, build: Callable[..., keras.Model], small: TrainOptions
) -> Variants:
    """Computes two augmented variants of the training images in a folder."""

    def compute(folder: Path, flip: Flip, seed: int) -> list[np.ndarray]:
        augment = _augmentation(TrainOptions(flip=flip), seed)
        frozen = FrozenFeatures(folder, build(small), INPUT, pixels, augment)
        hashes = LabelledHashes.of_split(data, "train")
        return [frozen.variant(hashes, variant, INPUT).astype(np.float32) for variant in (1, 2)]

    return compute


def test_variants_are_different_augmentations_of_the_same_images(
    data: Dataset, pixels: PixelCache, variants: Variants, tmp_path: Path
) -> None:
    first, second = variants(tmp_path, "horizontal", 7)
    plain = pixels.read([image.sha256 for image in data.split("train")]).astype(np.float32)
    assert np.abs(first - second).mean() > 1
    for variant in (first, second):
        correlations = [
            np.corrcoef(a.mean((1, 2)), b.mean((1, 2)))[0, 1]
            for a, b in zip(variant, plain, strict=True)
        ]
        assert np.median(correlations) > 0.5, "still the same image, in the same row"


def test_variants_depend_on_the_seed_alone_and_are_found_again(
    variants: Variants, tmp_path: Path
) -> None:
    first = variants(tmp_path / "a", "both", 7)
    keras.utils.set_random_seed(99)
    assert np.array_equal(first, variants(tmp_path / "b", "both", 7)), "whatever was drawn before"
    assert np.array_equal(first, variants(tmp_path / "a", "both", 7))
    assert len(list((tmp_path / "a").iterdir())) == 2, "found again"
    assert not np.array_equal(first, variants(tmp_path / "a", "both", 8))
    assert not np.array_equal(first, variants(tmp_path / "a", "none", 7))


def test_augmentation_reaches_all_training_variants_but_the_first_and_never_validation(
    data: Dataset,
    pixels: PixelCache,
    build: Callable[..., keras.Model],
    fit_model,
    loss_on,
    small: TrainOptions,
    tmp_path: Path,
) -> None:
    blackened = keras.Sequential([layers.Rescaling(0.0)])
    model = build(small)
    history = fit_model(model, replace(small, variants=2), tmp_path, blackened)
    arrays = [np.load(file) for file in (tmp_path / "features").rglob("*.npy")]
    val, black, plain = sorted(arrays, key=lambda array: (len(array), array.any()))
    assert not black.any()
    assert np.array_equal(plain, pixels.read([image.sha256 for image in data.split("train")]))
    assert np.array_equal(val, pixels.read([image.sha256 for image in data.split("val")]))
    best = select_best_epoch(history, data.objects("val"))
    assert loss_on(model, "val") == pytest.approx(best.val_loss, rel=1e-3)


def test_a_shard_keeps_images_and_targets_together(data: Dataset) -> None:
    hashes = LabelledHashes.of_split(data, "train")
    target = dict(zip(hashes.sha256s, hashes.targets, strict=True))
    shard = hashes.shard(WorkerShard(1, 3))
    assert len(shard.sha256s) == len(shard.targets) < len(hashes.targets)
    assert [target[sha256] for sha256 in shard.sha256s] == shard.targets


def test_features_are_found_again_when_the_network_stops_learning(
    data: Dataset, pixels: PixelCache, build, lite: TrainOptions, tmp_path: Path
) -> None:
    """The comparison of augmentations comes before the layers are frozen, the head after it."""
    model = build(lite)
    frozen = FrozenFeatures(
        tmp_path, model, "pool", pixels, build_augmentation(TrainOptions(), 7, ())
    )
    hashes = LabelledHashes.of_split(data, "val")
    for learns in (True, False):
        model.trainable = learns
        frozen.plain(hashes, "pool")
    assert len(list(tmp_path.iterdir())) == 1


def test_other_weights_have_other_features(
    data: Dataset, pixels: PixelCache, build, lite: TrainOptions, tmp_path: Path
) -> None:
    hashes = LabelledHashes.of_split(data, "val")
    augment = build_augmentation(TrainOptions(), 7, ())
    for weights in ("imagenet", "none"):
        options = replace(lite, weights=weights)
        model = build(options)
        FrozenFeatures(tmp_path, model, "pool", pixels, augment).plain(hashes, "pool")
    assert len(list(tmp_path.iterdir())) == 2


def test_variants_are_computed_in_mixed_precision(
    data: Dataset,
    pixels: PixelCache,
    build: Callable[..., keras.Model],
    lite: TrainOptions,
    tmp_path: Path,
) -> None:
    """There the layers of the augmentation return float16."""
    hashes = LabelledHashes.of_split(data, "train")
    features = []
    for policy in (FLOAT32, MIXED):
        with precision(policy):
            augment = _augmentation(TrainOptions(flip="horizontal"), 7)
            frozen = FrozenFeatures(tmp_path / policy, build(lite), "pool", pixels, augment)
            features.append(frozen.variant(hashes, 1, "pool").astype(np.float32))
    assert np.corrcoef(features[0].ravel(), features[1].ravel())[0, 1] > 0.99
