"""Writes what a training did as TensorBoard events, and into MLflow where it is installed."""

import importlib
import io
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import tensorflow as tf
from PIL import Image

from runtime.errors import MachineError
from runtime.images.preprocessing import preprocess
from train.checkpoints.history import Epoch
from train.evaluation.metrics import confident_mistakes
from train.evaluation.predictions import PREDICTIONS, read_predictions
from train.report.history_plot import read_history
from workstation.run_folder import data_folder, read_run, read_unchanged

MAX_MISTAKES = 20
FILES = ("confusion.png", "history.png", "report.html")


def write_event_log(run: Path, folder: Path) -> Path:
    """Writes loss and accuracy of each epoch, the confusion matrix and mistakes of a finished run.

    TensorBoard shows all runs whose events lie in subfolders of `folder`. The steps are the epochs
    of all stages, one after another; the images belong to the last. MLflow gets the same numbers
    and the run's pages, where it keeps its runs (MLFLOW_TRACKING_URI).

    Returns:
        the folder of the events, DIR/NAME-OF-RUN.

    Raises:
        MachineError: MLflow refuses the run, or its server cannot be reached.
    """
    history = read_history(run)
    events = folder / run.resolve().name
    with tf.summary.create_file_writer(str(events)).as_default():
        for step, epoch in enumerate(history, start=1):
            for name, value in _numbers(epoch):
                _write(step, tag=name, simple_value=value)
        for name, png in _images(run):
            with Image.open(io.BytesIO(png)) as image:
                width, height = image.size
            summary = tf.compat.v1.Summary.Image(
                width=width, height=height, colorspace=3, encoded_image_string=png
            )
            _write(len(history), tag=name, image=summary)
    if find_spec("mlflow"):
        _log_with_mlflow(run, history)
    return events


def _numbers(epoch: Epoch) -> Iterator[tuple[str, float]]:
    yield "loss/training", epoch.loss
    yield "loss/validation", epoch.val_loss
    yield "accuracy/training", epoch.accuracy
    yield "accuracy/validation", epoch.val_accuracy


def _images(run: Path) -> Iterator[tuple[str, bytes]]:
    """Yields a name and a PNG: the confusion matrix, and the most confident mistakes."""
    yield "confusion matrix", (run / "confusion.png").read_bytes()
    manifest, images = read_run(run)
    data, records = data_folder(manifest, None), {image.path: image for image in images}
    mistakes = confident_mistakes(read_predictions(run / PREDICTIONS), MAX_MISTAKES)
    for number, mistake in enumerate(mistakes, start=1):
        content = read_unchanged(data, records[mistake.path])
        png = io.BytesIO()
        pixels = preprocess(content, manifest.preprocessing)
        Image.fromarray(pixels.squeeze()).convert("RGB").save(png, "PNG")
        answer = f"called {mistake.predicted} {mistake.score:.2f}"
        name = f"mistakes/{number:02} {mistake.label}, {answer}"
        yield name, png.getvalue()


def _write(step: int, **value: object) -> None:
    """Writes one value in TensorBoard's oldest format, which needs no package but TensorFlow."""
    summary = tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(**value)])
    tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step)


def _log_with_mlflow(run: Path, history: Sequence[Epoch]) -> None:
    mlflow = importlib.import_module("mlflow")
    try:
        mlflow.set_experiment("quince")
        with mlflow.start_run(run_name=run.resolve().name):
            for step, epoch in enumerate(history, start=1):
                mlflow.log_metrics(dict(_numbers(epoch)), step=step)
            for name in FILES:
                mlflow.log_artifact(str(run / name))
    except mlflow.exceptions.MlflowException as error:
        raise MachineError("mlflow", " ".join(str(error).split())) from error
