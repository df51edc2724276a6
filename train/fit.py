"""The article's recipe: train a new head on the frozen base, then thaw the last blocks and train both at a very small rate.

What lies before the first thawed layer never changes, so it is computed once for `views` augmented views of each picture; epochs
go through the views in turn. BatchNorm stays in inference mode wherever weights were pretrained (keras#9214).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runtime.errors import CheckFailed
from runtime.progress import Progress
from train.cache import PixelCache
from train.features import FeatureBatches, compute
from train.history import Epoch
from train.options import TrainOptions
from train.stages import INPUT, Stage

DIVERGED = 1e6
"""No cross-entropy of a model that learns comes near this; one that a too large rate has broken passes it and need never be NaN."""
HEAD_VIEWS = 2
"""Views the head is trained on while the base is frozen: it is soon to change, so more earn nothing."""


@dataclass(frozen=True)
class Examples:
    """Pictures in the cache and their (n,) class indices."""

    sha256s: list[str]
    targets: list[int]


def fit(
    model: keras.Model,
    plan: tuple[Stage, ...],
    train: Examples,
    val: Examples,
    cache: PixelCache,
    augment: keras.Sequential,
    options: TrainOptions,
    scratch: Path,
) -> list[Epoch]:
    """Trains `model` in place and leaves it with the weights of the lowest validation loss. Feature files go to `scratch`.

    Raises:
        CheckFailed: the loss became NaN, infinite or over a million.
    """
    classes = model.output_shape[-1]
    one_hot = np.eye(classes, dtype=np.float32)
    targets, val_targets = one_hot[train.targets], one_hot[val.targets]
    base = plan[-1].boundary

    views = _features(scratch / "train.npy", model, INPUT, base, train, cache, options.views, augment)
    val_views = _features(scratch / "val.npy", model, INPUT, base, val, cache, 1, None)
    history: list[Epoch] = []
    best = _Best(model)
    for stage in plan:
        stage_views, stage_val = views, val_views
        if stage.boundary != base:
            stage_views = _between(scratch / f"train-{stage.name}.npy", model, base, stage.boundary, views[:HEAD_VIEWS])
            stage_val = _between(scratch / f"val-{stage.name}.npy", model, base, stage.boundary, val_views)
        tail = keras.Model(_output(model, stage.boundary), model.output)
        _set_trainable(model, tail, stage)
        batches = FeatureBatches(stage_views, targets, options.batch, options.seed)
        rate = _rate(stage, len(batches))
        tail.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
        with Progress(f"train {stage.name}", stage.epochs * len(batches)) as bar:
            watch = _Watch(stage, history, best, bar)
            stopping = keras.callbacks.EarlyStopping("val_loss", patience=options.patience)
            validation = (stage_val[0].astype(np.float32), val_targets)
            tail.fit(batches, epochs=stage.epochs, validation_data=validation, shuffle=False, verbose=0, callbacks=[watch, stopping])
            if stopping.stopped_epoch:
                bar.advance(0, f"stopped early at epoch {stopping.stopped_epoch + 1}")
        best.restore()
    return history


def predict(model: keras.Model, sha256s: list[str], cache: PixelCache, label: str) -> NDArray[np.float32]:
    """(n, classes) float32 probabilities of pictures in the cache."""
    scores = []
    with Progress(label, len(sha256s)) as bar:
        for start in range(0, len(sha256s), 64):
            pixels = cache.read(sha256s[start : start + 64])
            scores.append(np.asarray(model.predict_on_batch(pixels.astype(np.float32))))
            bar.advance(len(pixels))
    return np.concatenate(scores)


def _rate(stage: Stage, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up in a straight line during the first epoch, then down along a cosine to zero at the last."""
    later = max(1, (stage.epochs - 1) * steps)
    return keras.optimizers.schedules.CosineDecay(0.0, later, warmup_target=stage.rate, warmup_steps=steps)


class _Best:
    """The weights of the lowest validation loss so far, over all stages."""

    def __init__(self, model: keras.Model) -> None:
        self._model, self._loss, self._weights = model, math.inf, model.get_weights()

    def offer(self, loss: float) -> None:
        if loss < self._loss:
            self._loss, self._weights = loss, self._model.get_weights()

    def restore(self) -> None:
        self._model.set_weights(self._weights)


class _Watch(keras.callbacks.Callback):
    """Shows progress, records epochs, keeps the best weights, and stops at the first loss that shows divergence."""

    def __init__(self, stage: Stage, history: list[Epoch], best: _Best, bar: Progress) -> None:
        super().__init__()
        self._stage, self._history, self._best, self._bar = stage, history, best, bar
        self._epoch, self._start = 1, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch, self._start = epoch + 1, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = float((logs or {})["loss"])
        self._require_sound("loss", loss, f"epoch {self._epoch}, step {batch + 1}")
        self._bar.advance(note=self._note(loss))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        numbers = {name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        self._require_sound("validation loss", numbers["val_loss"], f"epoch {self._epoch}, its last step")
        self._history.append(Epoch(self._stage.name, self._epoch, **numbers, seconds=time.monotonic() - self._start))
        self._best.offer(numbers["val_loss"])
        self._bar.advance(0, self._note(numbers["loss"]))

    def _require_sound(self, name: str, loss: float, where: str) -> None:
        if not loss <= DIVERGED:
            raise CheckFailed(
                "training", f"the {name} became {loss:.4g} in stage '{self._stage.name}', {where}; lower --head-rate and --rate"
            )

    def _note(self, loss: float) -> str:
        last = self._history[-1] if self._history else None
        validation = f" val {last.val_accuracy:.3f}" if last else ""
        return f"epoch {self._epoch} loss {loss:.3f}{validation}"


def _set_trainable(model: keras.Model, tail: keras.Model, stage: Stage) -> None:
    learning = {layer.name for layer in tail.layers}
    for layer in model.layers:
        frozen_statistics = isinstance(layer, keras.layers.BatchNormalization) and not stage.batch_norm
        layer.trainable = layer.name in learning and not frozen_statistics


def _output(model: keras.Model, layer: str) -> keras.KerasTensor:
    return model.input if layer == INPUT else model.get_layer(layer).output


def _features(
    path: Path,
    model: keras.Model,
    start: str,
    end: str,
    examples: Examples,
    cache: PixelCache,
    views: int,
    augment: keras.Sequential | None,
) -> NDArray[np.float16]:
    step = _step(model, start, end, augment)

    def batches(first: int, last: int) -> NDArray[np.float32]:
        return cache.read(examples.sha256s[first:last]).astype(np.float32)

    label = "frozen features" if augment else "validation features"
    return compute(path, len(examples.sha256s), [batches] * views, step, label)


def _between(path: Path, model: keras.Model, start: str, end: str, features: NDArray[np.float16]) -> NDArray[np.float16]:
    step = _step(model, start, end, None)
    views = [lambda first, last, view=view: view[first:last].astype(np.float32) for view in features]
    return compute(path, features.shape[1], views, step, "pooled features")


def _step(model: keras.Model, start: str, end: str, augment: keras.Sequential | None) -> Callable[[Any], Any]:
    part = keras.Model(_output(model, start), _output(model, end)) if start != end else None

    @tf.function(reduce_retracing=True)
    def step(batch: tf.Tensor) -> tf.Tensor:
        if augment is not None:
            batch = augment(batch, training=True)
        return part(batch, training=False) if part is not None else batch

    return step  # type: ignore[no-any-return]
