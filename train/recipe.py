"""Builds a model, trains it, evaluates it on the test split, and writes what came of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from runtime.quiet import quiet
from runtime.run_folder import MODEL
from train.backbones import Backbone
from train.cache import PixelCache
from train.confusion_plot import plot_confusion
from train.data import DataSet
from train.epoch import Epoch
from train.features import clean
from train.fit import fit, predict
from train.frozen import Examples, Frozen
from train.history import plot_history, write_history
from train.judged import PREDICTIONS, judge, write_judged
from train.model import build_augmentation, build_model
from train.options import TrainOptions
from train.precision import FLOAT32, capabilities, policy, precision
from train.scorecard import confusion_matrix, score
from train.settings import settle
from train.stages import stages
from train.unfinished import Unfinished


def follow_recipe(
    backbone: Backbone,
    data: DataSet,
    cache: PixelCache,
    options: TrainOptions,
    folder: Path,
    features: Path,
    partial: Unfinished,
    after_epoch: Callable[[Epoch], None],
) -> dict[str, Any]:
    """Writes model, history, predictions and plots into `folder`; returns the manifest's results. See `fit` for the rest.

    Raises:
        CheckFailed: the training diverged.
        MachineError: the disk is full.
    """
    keras.utils.set_random_seed(options.seed)
    cards = capabilities()
    if cards:  # on a CPU the kernels are deterministic anyway, and this would read data on one thread
        tf.config.experimental.enable_op_determinism()
    arithmetic = policy(cards) if options.mixed_precision == "auto" else FLOAT32
    train, val, test = (
        Examples([picture.sha256 for picture in data.split(split)], data.targets(split)) for split in ("train", "val", "test")
    )
    settings = settle(options)
    with precision(arithmetic):
        model = build_model(backbone, cache.preprocessing, len(data.labels), settings)
        with quiet():
            model.predict_on_batch(np.zeros((1, *cache.shape), np.float32))
        plan = stages(model, settings)
        frozen = Frozen(features, model, plan[-1].boundary, cache, build_augmentation(options.flip, options.augment, options.seed))
        history, seconds = fit(model, plan, train, val, frozen, options, partial, after_epoch)
    if arithmetic != FLOAT32:
        trained, model = model, build_model(backbone, cache.preprocessing, len(data.labels), replace(settings, weights="none"))
        model.set_weights(trained.get_weights())
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
    clean(features)
    return {
        "test_accuracy": card.accuracy,
        "test_accuracy_low": card.low,
        "test_accuracy_high": card.high,
        "balanced_accuracy": card.balanced_accuracy,
        "val_accuracy": best.val_accuracy,
        "test_pictures": card.pictures,
        "seconds": round(seconds, 1),
        "kept": str(best),
    }
