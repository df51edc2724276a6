"""Holds what a training needs, so that the functions from `train` down to `fit` share it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from train.backbones.registry import Backbone
from train.checkpoints.history import Epoch
from train.checkpoints.resume import UnfinishedRun
from train.configuration.options import TrainOptions
from train.data.dataset import Dataset
from train.data.decoded_cache import PixelCache
from train.data.preparation import PreparedData, require_unchanged
from train.distribution.strategy import ALONE, DistributionStrategy


def _ignore_epoch(_: Epoch) -> None:
    pass


@dataclass(frozen=True)
class TrainingContext:
    """Holds the images and options of one training, and the places that it reads and writes.

    feature_folder: where computed features are kept for later trainings.
    unfinished: holds the checkpoint to resume from; it is replaced after each epoch.
    old_model: the model of an old run, whose backbone is another start of the training.
    after_epoch: called after each checkpoint; it may raise to end the training.
    """

    backbone: Backbone
    data: Dataset
    pixels: PixelCache
    options: TrainOptions
    feature_folder: Path
    unfinished: UnfinishedRun
    after_epoch: Callable[[Epoch], None] = _ignore_epoch
    strategy: DistributionStrategy = ALONE
    old_model: Path | None = None

    @classmethod
    def of(
        cls,
        prepared: PreparedData,
        options: TrainOptions,
        cache: Path,
        unfinished: UnfinishedRun,
        strategy: DistributionStrategy = ALONE,
        old_model: Path | None = None,
    ) -> "TrainingContext":
        """Returns the context of a training that ends with an error if an image changes."""

        def require_same_images(_: Epoch) -> None:
            require_unchanged(prepared.data, prepared.started_at)

        return cls(
            prepared.backbone,
            prepared.data,
            prepared.pixels,
            options,
            cache / "features",
            unfinished,
            require_same_images,
            strategy,
            old_model,
        )
