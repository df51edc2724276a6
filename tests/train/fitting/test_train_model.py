"""Training as trials and runs share it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.images.preprocessing import Preprocessing
from train.configuration.options import TrainOptions
from train.data.dataset import build_dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import scan_image_folder
from train.data.split import SplitFractions
from train.fitting.train_model import TrainedModel, train_model
from train.fitting.training_context import TrainingContext


def test_test_images_are_not_read_and_a_second_training_in_one_process_is_the_same(
    cells: Path, tmp_path: Path, context: Callable[..., TrainingContext], small: TrainOptions
) -> None:
    pixels = PixelCache(tmp_path / "pixels", Preprocessing(32, 32))
    data = build_dataset(scan_image_folder(cells), pixels, SplitFractions(), 7)
    test_images = {image.sha256 for image in data.split("test")}
    for path in (tmp_path / "pixels").rglob("*"):
        if path.name in test_images:
            path.unlink()
    options = replace(small, head_epochs=1, epochs=1)
    training = context(options, tmp_path, data=data, pixels=pixels)

    def train_once() -> TrainedModel:
        trained = train_model(training)
        training.unfinished.remove()
        return trained

    def feature_sets() -> list[str]:
        return sorted(path.name for path in training.feature_folder.iterdir())

    first, first_sets = train_once(), feature_sets()
    assert first.families == (), "the only variant is the image itself"
    second = train_once()
    assert [epoch.val_loss for epoch in second.history] == [
        epoch.val_loss for epoch in first.history
    ]
    assert feature_sets() == first_sets, "they are found again"
    with pytest.raises(Exception, match="missing from the cache"):
        pixels.read(sorted(test_images))
