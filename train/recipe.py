"""Builds a model, trains it, evaluates it on the test split, and writes what came of it."""

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from runtime.atomic import scratch_folder
from runtime.quiet import quiet
from runtime.run_folder import MODEL
from train.backbones import Backbone
from train.cache import PixelCache
from train.data import DataSet
from train.fit import Examples, fit, predict
from train.history import plot_history, write_history
from train.model import build_augmentation, build_model
from train.options import TrainOptions
from train.settings import settle
from train.stages import stages


def follow_recipe(
    backbone: Backbone, data: DataSet, cache: PixelCache, options: TrainOptions, folder: Path, scratch: Path
) -> dict[str, Any]:
    """Writes model.keras, history.csv and history.png into `folder`, feature files below `scratch`; returns the manifest's results.

    Raises:
        CheckFailed: the training diverged.
        MachineError: the disk is full.
    """
    start = time.monotonic()
    keras.utils.set_random_seed(options.seed)
    settings = settle(options)
    model = build_model(backbone, cache.preprocessing, len(data.labels), settings)
    augmentation = build_augmentation(options.flip, options.augment, options.seed)
    train, val, test = (
        Examples([picture.sha256 for picture in data.split(split)], data.targets(split)) for split in ("train", "val", "test")
    )
    with quiet():
        model.predict_on_batch(np.zeros((1, *cache.shape), np.float32))
    with scratch_folder(scratch) as features:
        history = fit(model, stages(model, settings), train, val, cache, augmentation, options, features)
    seconds = time.monotonic() - start
    right = predict(model, test.sha256s, cache, "test").argmax(1) == test.targets
    best = min(history, key=lambda epoch: epoch.val_loss)
    for layer in model.layers:
        layer.trainable = True
    model.save(folder / MODEL)
    write_history(folder, history)
    plot_history(folder, history)
    return {
        "test_accuracy": float(right.mean()),
        "val_accuracy": best.val_accuracy,
        "test_pictures": len(right),
        "seconds": round(seconds, 1),
        "kept": f"{best.stage} epoch {best.epoch}",
    }
