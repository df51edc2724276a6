"""Builds a model, trains it, evaluates it on the test split, and writes what came of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from runtime.run_folder import MODEL
from train.backbones import Backbone
from train.cache import PixelCache
from train.confusion_plot import plot_confusion
from train.data import DataSet
from train.engine import ALONE, Engine
from train.epoch import Epoch
from train.features import clean
from train.fit import predict
from train.history import plot_history, write_history
from train.judged import PREDICTIONS, judge, write_judged
from train.learn import learn
from train.model import build_model
from train.options import TrainOptions
from train.precision import FLOAT32
from train.scorecard import confusion_matrix, score
from train.settings import settle
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
    engine: Engine = ALONE,
) -> dict[str, Any]:
    """Writes model, history, predictions and plots into `folder`; returns the manifest's results. See `fit` for the rest.

    Raises:
        CheckFailed: the training diverged.
        MachineError: the disk is full.
    """
    learned = learn(backbone, data, cache, options, features, partial, after_epoch, engine)
    model, history, test = learned.model, learned.history, data.split("test")
    if learned.arithmetic != FLOAT32:
        trained, model = model, build_model(backbone, cache.preprocessing, len(data.labels), replace(settle(options), weights="none"))
        model.set_weights(trained.get_weights())
    judged = judge(data.labels, test, predict(model, [picture.sha256 for picture in test], cache, "test"))
    card = score(data.labels, judged)
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
        "val_accuracy": learned.kept.val_accuracy,
        "test_pictures": card.pictures,
        "seconds": round(learned.seconds, 1),
        "kept": str(learned.kept),
    }
