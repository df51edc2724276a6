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
from train.confusion_plot import plot_confusion
from train.data import DataSet
from train.fit import Examples, fit, predict
from train.history import plot_history, write_history
from train.judged import PREDICTIONS, judge, write_judged
from train.model import build_augmentation, build_model
from train.options import TrainOptions
from train.scorecard import confusion_matrix, score
from train.stages import stages


def follow_recipe(
    backbone: Backbone, data: DataSet, cache: PixelCache, options: TrainOptions, folder: Path, scratch: Path
) -> dict[str, Any]:
    """Writes model, history, predictions and plots into `folder`, feature files below `scratch`; returns the manifest's results.

    Raises:
        CheckFailed: the training diverged.
        MachineError: the disk is full.
    """
    start = time.monotonic()
    keras.utils.set_random_seed(options.seed)
    model = build_model(backbone, cache.preprocessing, len(data.labels), options.dropout, pretrained=True)
    augmentation = build_augmentation(options.flip, options.augment, options.seed)
    train, val, test = (
        Examples([picture.sha256 for picture in data.split(split)], data.targets(split)) for split in ("train", "val", "test")
    )
    with quiet():
        model.predict_on_batch(np.zeros((1, *cache.shape), np.float32))
    with scratch_folder(scratch) as features:
        history = fit(model, stages(backbone, options), train, val, cache, augmentation, options, features)
    seconds = time.monotonic() - start
    judged = judge(data.labels, data.split("test"), predict(model, test.sha256s, cache, "test"))
    card = score(data.labels, judged)
    best = min(history, key=lambda epoch: epoch.val_loss)
    for layer in model.layers:
        layer.trainable = True
    model.save(folder / MODEL)
    write_history(folder, history)
    plot_history(folder, history)
    write_judged(folder / PREDICTIONS, judged)
    plot_confusion(folder, data.labels, confusion_matrix(data.labels, judged))
    return {
        "test_accuracy": card.accuracy,
        "test_accuracy_low": card.low,
        "test_accuracy_high": card.high,
        "balanced_accuracy": card.balanced_accuracy,
        "val_accuracy": best.val_accuracy,
        "test_pictures": card.pictures,
        "seconds": round(seconds, 1),
        "kept": f"{best.stage} epoch {best.epoch}",
    }
