"""Trains the stages of a plan one after another on features of what is frozen, and after each epoch leaves a checkpoint to go on from.

What lies before the first layer that learns never changes, so it is computed once for `views` augmented views of each picture, when first
needed; epochs go through the views in turn. BatchNorm stays in inference mode wherever weights were pretrained (keras#9214). What an epoch
draws depends on its number and the seed alone, so a training that goes on from a checkpoint ends with the weights of one that was never
interrupted: the same bits on one machine without an accelerator.
"""

import time
from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused
from runtime.progress import Progress
from train.averaging import Averaging
from train.batches import Batches
from train.cache import PixelCache
from train.checkpoint import Arrays, Checkpoint
from train.engine import ALL, Share
from train.epoch import Epoch, kept
from train.frozen import Examples, Frozen, output
from train.objective import class_weights, one_hot
from train.options import TrainOptions
from train.reseed import reseed
from train.stages import Stage
from train.unfinished import Unfinished
from train.watch import Watch

HEAD_VIEWS = 2
"""Views a head is trained on before more is thawed: it is soon to change, so more earn nothing."""

VALIDATION_BATCH = 32

Targets = tuple[NDArray[np.float32], NDArray[np.float32]]
"""(n, classes) targets and (n,) weights of pictures."""


def fit(
    model: keras.Model,
    plan: tuple[Stage, ...],
    train: Examples,
    val: Examples,
    frozen: Frozen,
    options: TrainOptions,
    partial: Unfinished,
    after_epoch: Callable[[Epoch], None],
    share: Share = ALL,
) -> tuple[list[Epoch], float]:
    """Trains `model` in place and leaves it with the weights of the epoch that `kept` names; returns the epochs and the seconds they took.

    Goes on from the checkpoint of `partial`, if there is one, and replaces it after each epoch; then `after_epoch` is called. Class weights
    count in the validation loss too, label smoothing does not. Of several workers each trains on its share of the pictures, and is
    validated on its share; losses and accuracies are of all.

    Raises:
        CheckFailed: the loss became NaN, infinite or over a million.
        MachineError: the disk is full.
    """
    begun = partial.read()
    history = list(begun.history) if begun else []
    start = time.monotonic() - (begun.seconds if begun else 0)
    classes = model.output_shape[-1]
    weights = class_weights(train.targets, classes, options.class_weights)
    batch, validated = share.batch(options.batch), len(val.targets)
    train, val = (Examples(share.part(one.sha256s), share.part(one.targets)) for one in (train, val))
    targets = one_hot(train.targets, classes, options.label_smoothing), weights[train.targets]
    val_targets = one_hot(val.targets, classes), weights[val.targets]
    steps = -(-len(train.targets) // batch)

    for stage in plan[_position(plan, history) :]:
        tail, averaging = _compiled_tail(model, stage, steps)
        best: Arrays = tail.get_weights()
        if begun:
            _restore(tail, begun, partial)
            best, begun = begun.best, None
        validation = (frozen.plain(val, stage.boundary), *val_targets)
        learnt = tail.get_weights()
        count = options.views if stage.boundary == frozen.base else min(options.views, HEAD_VIEWS)
        views: dict[int, NDArray[np.float16]] = {}
        with Progress(f"train {stage.name}", (stage.epochs - len(_losses(stage, history))) * steps) as bar:
            watch = Watch(stage, history, bar, partial.path)
            while not _ended(stage, history, options.patience):
                number, before = len(_losses(stage, history)), len(history)
                if (view := number % count) not in views:
                    views[view] = frozen.view(train, view, stage.boundary)
                batches = Batches(views[view], *targets, batch, (options.seed, before, share.index), full=share.count > 1)
                reseed(tail, before)
                tail.set_weights(learnt)
                tail.fit(batches, initial_epoch=number, epochs=number + 1, shuffle=False, verbose=0, callbacks=[watch])
                learnt = tail.get_weights()
                averaging.put_average(tail.trainable_variables)
                watch.validated(
                    **tail.evaluate(
                        *validation[:2],
                        sample_weight=validation[2],
                        batch_size=VALIDATION_BATCH * share.devices,
                        verbose=0,
                        return_dict=True,
                    )
                )
                if kept(history, validated) is history[-1]:
                    best = tail.get_weights()
                partial.write(_checkpoint(tail, learnt, best, history, time.monotonic() - start, partial))
                after_epoch(history[-1])
        tail.set_weights(best)
    return history, time.monotonic() - start


def predict(model: keras.Model, sha256s: list[str], cache: PixelCache, label: str) -> NDArray[np.float32]:
    """(n, classes) float32 probabilities of pictures in the cache."""
    scores = []
    with Progress(label, len(sha256s)) as bar:
        for start in range(0, len(sha256s), 64):
            pixels = cache.read(sha256s[start : start + 64])
            scores.append(np.asarray(model.predict_on_batch(pixels.astype(np.float32))))
            bar.advance(len(pixels))
    return np.concatenate(scores)


def _position(plan: tuple[Stage, ...], history: list[Epoch]) -> int:
    return [stage.name for stage in plan].index(history[-1].stage) if history else 0


def _losses(stage: Stage, history: list[Epoch]) -> list[float]:
    return [epoch.val_loss for epoch in history if epoch.stage == stage.name]


def _ended(stage: Stage, history: list[Epoch], patience: int) -> bool:
    losses = _losses(stage, history)
    waited = len(losses) - 1 - losses.index(min(losses)) if losses else 0
    return len(losses) >= stage.epochs or (waited > 0 and waited >= patience)


def _compiled_tail(model: keras.Model, stage: Stage, steps: int) -> tuple[keras.Model, Averaging]:
    """The part of the model that learns in this stage, which shares the model's layers; and its optimizer, which Keras wraps in another
    where the arithmetic is in float16."""
    tail = keras.Model(output(model, stage.boundary), model.output)
    learning = {layer.name for layer in tail.layers}
    for layer in model.layers:
        frozen_statistics = isinstance(layer, keras.layers.BatchNormalization) and not stage.batch_norm
        layer.trainable = layer.name in learning and not frozen_statistics
    compiled = keras.backend.backend() == "jax"  # which would else go through each step operation by operation
    averaging = Averaging(_rate(stage, steps), stage.average)
    tail.compile(averaging, "categorical_crossentropy", metrics=["accuracy"], jit_compile=compiled)
    tail.optimizer.build(tail.trainable_variables)
    return tail, averaging


def _rate(stage: Stage, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up in a straight line during the first epoch, then down along a cosine to zero at the last."""
    later = max(1, (stage.epochs - 1) * steps)
    return keras.optimizers.schedules.CosineDecay(0.0, later, warmup_target=stage.rate, warmup_steps=steps)


def _checkpoint(tail: keras.Model, learnt: Arrays, best: Arrays, history: list[Epoch], seconds: float, partial: Unfinished) -> Checkpoint:
    optimizer = [np.asarray(variable) for variable in tail.optimizer.variables]
    return Checkpoint(tuple(history), seconds, learnt, best, optimizer, partial.made_by)


def _restore(tail: keras.Model, checkpoint: Checkpoint, partial: Unfinished) -> None:
    try:
        tail.set_weights(checkpoint.weights)
        for variable, value in zip(tail.optimizer.variables, checkpoint.optimizer, strict=True):
            variable.assign(value)
    except ValueError as error:
        raise InputRefused(str(partial.path), f"does not fit this network ({error}); remove it to begin the training anew") from error
