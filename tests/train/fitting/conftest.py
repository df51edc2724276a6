"""What the tests of fitting share: a small data set, models for it, and a way to fit them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import short_lite

from runtime.images.preprocessing import Preprocessing
from train.backbones.registry import BACKBONES
from train.checkpoints.history import Epoch
from train.checkpoints.resume import UnfinishedRun
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import resolve_options
from train.data.dataset import Dataset, build_dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import scan_image_folder
from train.data.split import SplitFractions
from train.fitting.augmentation import build_augmentation
from train.fitting.classifier_model import build_model
from train.fitting.fit import fit, predict
from train.fitting.frozen_features import FrozenFeatures
from train.fitting.schedule import training_stages
from train.fitting.training_context import TrainingContext
from workstation.run_folder import Split

Fit = Callable[..., list[Epoch]]


@pytest.fixture(scope="module", autouse=True)
def short_network() -> Iterator[None]:
    """Adds the network of `lite` to the backbones while these tests run."""
    BACKBONES[short_lite.NAME] = short_lite.BACKBONE
    yield
    del BACKBONES[short_lite.NAME]


@pytest.fixture(scope="session")
def lite() -> TrainOptions:
    """Options that train a pretrained network in both stages."""
    return TrainOptions(
        backbone=short_lite.NAME,
        head_epochs=1,
        epochs=2,
        batch=16,
        variants=1,
        dropout=0.0,
        rate=1e-3,
        head_rate=1e-2,
    )


@pytest.fixture(scope="session")
def small() -> TrainOptions:
    """Options that train a small network from scratch."""
    return TrainOptions(
        backbone="simple-cnn",
        head_epochs=2,
        epochs=2,
        batch=16,
        variants=1,
        dropout=0.0,
        head_rate=3e-3,
    )


@pytest.fixture(scope="session")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> PixelCache:
    return PixelCache(tmp_path_factory.mktemp("pixels"), Preprocessing(32, 32))


@pytest.fixture(scope="session")
def data(cells: Path, pixels: PixelCache) -> Dataset:
    return build_dataset(scan_image_folder(cells), pixels, SplitFractions(), 7)


@pytest.fixture(scope="session")
def build(pixels: PixelCache) -> Callable[..., keras.Model]:
    """Builds the untrained model of some options."""

    def make(options: TrainOptions, classes: int = 2) -> keras.Model:
        keras.utils.set_random_seed(options.seed)
        backbone = BACKBONES[options.backbone]
        return build_model(backbone, pixels.preprocessing, classes, resolve_options(options))

    return make


@pytest.fixture(scope="session")
def context(data: Dataset, pixels: PixelCache) -> Callable[..., TrainingContext]:
    """Makes the context of a training that writes into a folder."""

    def make(options: TrainOptions, folder: Path, **changes: object) -> TrainingContext:
        made = TrainingContext(
            BACKBONES[options.backbone],
            data,
            pixels,
            options,
            folder / "features",
            UnfinishedRun(folder / "run.partial", {"options": {}}),
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def fit_model(context: Callable[..., TrainingContext]) -> Fit:
    """Fits a model, without augmentation unless it is passed; returns the history."""

    def run(
        model: keras.Model,
        options: TrainOptions,
        folder: Path,
        augment: keras.Sequential | None = None,
        **changes: object,
    ) -> list[Epoch]:
        keras.utils.set_random_seed(options.seed)
        made = context(options, folder, **changes)
        stages = training_stages(model, resolve_options(options))
        frozen = FrozenFeatures(
            made.feature_folder,
            model,
            stages[-1].boundary,
            made.pixels,
            augment or build_augmentation(TrainOptions(), 7, ()),
        )
        return fit(model, stages, frozen, made)[0]

    return run


@pytest.fixture(scope="session")
def loss_on(data: Dataset, pixels: PixelCache) -> Callable[[keras.Model, Split], float]:
    """Computes the cross-entropy of a model on the images of a split."""

    def compute(model: keras.Model, split: Split) -> float:
        scores = predict(model, [image.sha256 for image in data.split(split)], pixels, "test")
        return float(-np.log(scores[np.arange(len(scores)), data.targets(split)]).mean())

    return compute


@pytest.fixture(scope="session")
def weights_by_layer() -> Callable[[keras.Model], dict[str, list[np.ndarray]]]:
    """Copies the weights of a model."""
    return lambda model: {
        layer.name: [weight.copy() for weight in layer.get_weights()] for layer in model.layers
    }


@pytest.fixture(scope="session")
def changed_layers() -> Callable[[keras.Model, dict[str, list[np.ndarray]]], set[str]]:
    """Returns the names of the layers whose weights differ from a copy."""

    def compare(model: keras.Model, before: dict[str, list[np.ndarray]]) -> set[str]:
        changed = set()
        for layer in model.layers:
            pairs = zip(layer.get_weights(), before[layer.name], strict=True)
            if any(not np.array_equal(new, old) for new, old in pairs):
                changed.add(layer.name)
        return changed

    return compare
