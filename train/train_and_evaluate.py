"""Trains a model, evaluates it on the test split, and writes both into a folder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from runtime.errors import InputRefused
from runtime.system.terminal import say
from train.checkpoints.history import write_history
from train.configuration.resolved_options import resolve_options
from train.distribution.mixed_precision import FLOAT32
from train.evaluation.metrics import compute_metrics, confusion_matrix
from train.evaluation.predictions import PREDICTIONS, label_predictions, write_predictions
from train.fitting.classifier_model import build_model
from train.fitting.fit import predict
from train.fitting.train_model import TrainedModel, train_model
from train.fitting.training_context import TrainingContext
from train.report.confusion_plot import plot_confusion
from train.report.history_plot import plot_history
from workstation.keras_saving import save_keras_file
from workstation.run_folder import MODEL


def train_and_evaluate(context: TrainingContext, folder: Path) -> dict[str, Any]:
    """Writes model, history, predictions and plots into `folder`; returns the manifest's results.

    Raises:
        CheckFailed: the training diverged, or the model answers NaN.
        InputRefused: the options do not fit the backbone, or the checkpoint does not fit the model.
        MachineError: the disk is full.
    """
    data = context.data
    trained, start = _train_from_the_better_start(context)
    model = _in_float32(trained, context)
    test = data.split("test")
    probabilities = predict(model, [image.sha256 for image in test], context.pixels, "test")
    predictions = label_predictions(data.labels, test, probabilities)
    metrics = compute_metrics(data.labels, predictions)
    for layer in model.layers:
        layer.trainable = True
    save_keras_file(model, folder / MODEL)
    write_history(folder, trained.history)
    plot_history(folder, trained.history)
    write_predictions(folder / PREDICTIONS, predictions)
    plot_confusion(folder, data.labels, confusion_matrix(data.labels, predictions))
    return {
        "test_accuracy": metrics.accuracy,
        "test_accuracy_low": metrics.low,
        "test_accuracy_high": metrics.high,
        "balanced_accuracy": metrics.balanced_accuracy,
        "val_accuracy": trained.kept.val_accuracy,
        "test_images": metrics.images,
        "test_objects": metrics.objects,
        "seconds": round(trained.seconds, 1),
        "kept_weights": f"{trained.kept}{start}",
        "augmentation": list(trained.families),
    }


def _train_from_the_better_start(context: TrainingContext) -> tuple[TrainedModel, str]:
    """Trains from the base, and from the weights of an old run; keeps what validates better.

    Returns the model and what it began with, in words.
    """
    trained = train_model(context)
    if context.old_model is None:
        return trained, ""
    options = replace(context.options, weights=str(context.old_model))
    try:
        resolve_options(options)
    except InputRefused as refusal:
        say(f"{context.old_model}: is no start for these options ({refusal.reason})")
        return trained, ", from the base"
    unfinished = context.unfinished.second()
    grown = train_model(replace(context, options=options, unfinished=unfinished, old_model=None))
    base, old = trained.kept, grown.kept
    is_better = (old.val_accuracy, -old.val_loss) > (base.val_accuracy, -base.val_loss)
    start = "from the old weights" if is_better else "from the base"
    say(
        f"validation accuracy {old.val_accuracy:.4f} (loss {old.val_loss:.4f}) from the old"
        f" weights, {base.val_accuracy:.4f} ({base.val_loss:.4f}) from the base; keeps that {start}"
    )
    return (grown if is_better else trained), f", {start}"


def _in_float32(trained: TrainedModel, context: TrainingContext) -> keras.Model:
    """Returns the trained model, rebuilt if it computes in mixed precision."""
    if trained.policy == FLOAT32:
        return trained.model
    model = build_model(
        context.backbone,
        context.pixels.preprocessing,
        len(context.data.labels),
        replace(resolve_options(context.options), weights="none"),
    )
    model.set_weights(trained.model.get_weights())
    return model
