"""Augmentation: the changes that options ask for, and the families that are left out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from runtime.images.preprocessing import Preprocessing
from train.backbones.registry import BACKBONES
from train.configuration.options import Flip, TrainOptions
from train.configuration.resolved_options import resolve_options
from train.data.dataset import Dataset, build_dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import scan_image_folder
from train.data.split import SplitFractions
from train.fitting.augmentation import build_augmentation, choose_families, possible_families
from train.fitting.classifier_model import build_model
from train.fitting.frozen_features import FrozenFeatures
from train.fitting.schedule import POOL
from train.fitting.training_context import TrainingContext

ALL = ("flip", "geometry", "colour")
SIZE = 64


@pytest.mark.parametrize("flip", ["none", "horizontal", "both"])
def test_flips_are_those_of_the_option(flip: Flip) -> None:
    image = np.arange(4 * 4 * 3, dtype=np.float32).reshape(1, 4, 4, 3)
    augment = build_augmentation(TrainOptions(flip=flip), 7, ("flip",))
    seen = {np.asarray(augment(image, training=True)).tobytes() for _ in range(60)}
    mirrored = {"none": [image], "horizontal": [image, image[:, :, ::-1]]}
    mirrored["both"] = [*mirrored["horizontal"], image[:, ::-1], image[:, ::-1, ::-1]]
    assert seen == {np.ascontiguousarray(array).tobytes() for array in mirrored[flip]}


def test_augmented_pixels_stay_in_range(data: Dataset, pixels: PixelCache) -> None:
    sha256s = [image.sha256 for image in data.split("train")]
    images = pixels.read(sha256s).astype(np.float32)
    augment = build_augmentation(TrainOptions(flip="both", augment=3.0), 7, ALL)
    augmented = np.asarray(augment(images, training=True))
    assert augmented.shape == images.shape
    assert augmented.min() >= 0
    assert augmented.max() <= 255


@pytest.mark.parametrize(
    ("options", "families"),
    [
        (TrainOptions(), ALL),
        (TrainOptions(augment=0), ("flip",)),
        (TrainOptions(flip="none", augment=0.5), ("geometry", "colour")),
        (TrainOptions(flip="none", augment=0.0), ()),
    ],
)
def test_families_are_those_of_the_options(options: TrainOptions, families: tuple) -> None:
    assert possible_families(options) == families


@pytest.fixture(scope="module")
def choose(
    cells: Path, context: Callable[..., TrainingContext], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[TrainOptions], tuple[str, ...]]:
    """Chooses families for two classes of real cells that differ in the direction of scratches."""
    folder = tmp_path_factory.mktemp("scratches")
    row, column = np.indices((SIZE, SIZE))
    for number, path in enumerate(sorted(cells.rglob("*.png"))):
        label = ("falling", "rising")[number % 2]
        cell = np.array(Image.open(path).convert("L").resize((SIZE, SIZE)))
        diagonal = row - column if label == "falling" else row + column
        cell[diagonal % 16 < 3] //= 3
        (folder / label).mkdir(exist_ok=True)
        Image.fromarray(cell).save(folder / label / f"{number}.png")
    pixels = PixelCache(folder.with_name("cache"), Preprocessing(SIZE, SIZE))
    data = build_dataset(scan_image_folder(folder), pixels, SplitFractions(val=0.4), 7)

    def run(options: TrainOptions) -> tuple[str, ...]:
        keras.utils.set_random_seed(7)
        made = replace(context(options, folder.with_name("out")), data=data, pixels=pixels)
        model = build_model(
            BACKBONES[options.backbone], pixels.preprocessing, 2, resolve_options(options)
        )
        frozen = FrozenFeatures(
            made.feature_folder, model, POOL, pixels, build_augmentation(options, 7, ())
        )
        return choose_families(made, frozen, POOL, 7)

    return run


def test_the_family_that_harms_is_left_out_and_named(
    choose: Callable[[TrainOptions], tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose(TrainOptions()) == ("geometry", "colour")
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("augmentation: geometry, colour; left out flip: validation loss +0.")


def test_no_family_is_tried_that_the_options_rule_out(
    choose: Callable[[TrainOptions], tuple[str, ...]],
) -> None:
    assert choose(TrainOptions(augment=0)) == ()
