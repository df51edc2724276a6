"""Trains the stages one after another, and writes a checkpoint after each epoch.

The layers before the first trainable layer never change. Their outputs are computed once, when
they are first needed, for `variants` variants of each image; the epochs use the variants in turn.
The first variant is the image itself; the others are augmented. By default each epoch of
fine-tuning has its own variant.
BatchNorm layers with pretrained weights stay in inference mode (keras#9214). The random numbers of
an epoch depend only on its index and on the seed, so a resumed training ends with the same weights
as an uninterrupted one: with the same bits on one machine without an accelerator.
"""

import functools
import time

import keras
import numpy as np
from numpy.typing import NDArray

from runtime.cli.signals import signals_wait
from runtime.shared.progress import Progress
from runtime.system.terminal import say
from train.checkpoints.checkpoint import Arrays, Checkpoint
from train.checkpoints.history import Epoch, select_best_epoch
from train.data.decoded_cache import PixelCache
from train.distribution.single_device import feature_function
from train.fitting.batches import Batches, reseed
from train.fitting.callbacks import TrainingCallback
from train.fitting.frozen_features import FrozenFeatures
from train.fitting.loss import smoothed, weighted_examples
from train.fitting.run_state import (
    RunState,
    checkpoint_of,
    evaluate_tail,
    losses_of,
    restore,
    validation_batches,
)
from train.fitting.schedule import Stage
from train.fitting.solved_head import WeightedFeatures, solve_head
from train.fitting.tail import compiled_tail
from train.fitting.training_context import TrainingContext

PREDICTION_BATCH = 64


def fit(
    model: keras.Model, stages: tuple[Stage, ...], frozen: FrozenFeatures, context: TrainingContext
) -> tuple[list[Epoch], float]:
    """Trains `model` in place; returns its epochs and the seconds they took.

    The model ends with the weights of the epoch that `select_best_epoch` chooses. Training resumes
    from the checkpoint of `context.unfinished`, if there is one. Class weights apply to the
    validation loss too, label smoothing does not. With several workers, each trains and validates
    on its shard of the images; losses and accuracies cover all shards. Each step takes the images
    that it would take on one machine.

    Raises:
        CheckFailed: the loss became NaN, infinite or greater than a million.
        InputRefused: there are more workers than images, or the checkpoint does not fit.
        MachineError: the disk is full.
    """
    checkpoint = context.unfinished.read()
    train, val = weighted_examples(context, model.output_shape[-1])
    run = RunState(
        context,
        frozen,
        train,
        val,
        history=list(checkpoint.history) if checkpoint else [],
        started_at=time.monotonic() - (checkpoint.seconds if checkpoint else 0.0),
    )
    for stage in stages[_current_stage(stages, run.history) :]:
        _fit_stage(run, model, stage, checkpoint)
        checkpoint = None
    return run.history, run.seconds


def _fit_stage(
    run: RunState, model: keras.Model, stage: Stage, checkpoint: Checkpoint | None
) -> None:
    """Trains one stage, and leaves the model with the weights of its best epoch."""
    context, history = run.context, run.history
    tail, optimizer = compiled_tail(model, stage, run.steps, context.strategy.average)
    best: Arrays = tail.get_weights()
    if checkpoint:
        restore(tail, checkpoint, context.unfinished)
        best = checkpoint.best
    if stage.solved:
        if not losses_of(stage, history):
            _solve_head(run, tail, stage)
            best = tail.get_weights()
            context.unfinished.write(checkpoint_of(run, tail, best, best))
            context.after_epoch(history[-1])
        return
    validation = validation_batches(run, run.frozen.plain(run.val.hashes, stage.boundary))
    latest: Arrays = tail.get_weights()
    count = run.frozen.distinct_variants(stage.variants)

    @functools.cache
    def variant_features(variant: int) -> NDArray[np.float16]:
        return run.frozen.variant(run.train.hashes, variant, stage.boundary)

    epochs_left = stage.epochs - len(losses_of(stage, history))
    with Progress(f"train {stage.name}", epochs_left * run.steps) as bar:
        callback = TrainingCallback(stage, history, bar, context.unfinished.path, context.strategy)
        while not _is_over(stage, history):
            features = variant_features(len(losses_of(stage, history)) % count)
            _fit_epoch(run, stage, tail, latest, features, callback)
            latest = tail.get_weights()
            optimizer.put_average(tail.trainable_variables)
            callback.record_epoch(*evaluate_tail(run, tail, validation))
            if select_best_epoch(history, context.data.objects("val")) is history[-1]:
                best = tail.get_weights()
            context.unfinished.write(checkpoint_of(run, tail, latest, best))
            context.after_epoch(history[-1])
    tail.set_weights(best)


def _solve_head(run: RunState, tail: keras.Model, stage: Stage) -> None:
    """Sets the weights of `tail`, one Dense layer, to those of `solve_head`; adds the epoch.

    Each worker solves it on the features of all.
    """
    started_at = time.monotonic()
    frozen, strategy = run.frozen, run.context.strategy
    variants = range(frozen.distinct_variants(stage.variants))
    rows = strategy.gather_rows
    features = [
        rows(frozen.variant(run.train.hashes, variant, stage.boundary)) for variant in variants
    ]
    train = WeightedFeatures(
        np.concatenate(features).astype(np.float32),
        np.tile(rows(run.train.targets), (len(variants), 1)),
        np.tile(rows(run.train.weights), len(variants)),
    )
    val = WeightedFeatures(
        rows(frozen.plain(run.val.hashes, stage.boundary)),
        rows(run.val.targets),
        rows(run.val.weights),
    )
    head = solve_head(train, val)
    tail.set_weights(strategy.average([head.kernel, head.bias]))
    loss, accuracy, val_loss, val_accuracy = strategy.mean(
        head.loss, head.accuracy, head.val_loss, head.val_accuracy
    )
    seconds = time.monotonic() - started_at
    say(f"solved head: validation accuracy {head.val_accuracy:.4f} after {run.seconds:.0f} s")
    run.history.append(Epoch(stage.name, 1, loss, accuracy, val_loss, val_accuracy, seconds))


def _fit_epoch(
    run: RunState,
    stage: Stage,
    tail: keras.Model,
    weights: Arrays,
    features: NDArray[np.float16],
    callback: TrainingCallback,
) -> None:
    """Trains `tail` for one epoch on the features of one variant, from `weights` on."""
    strategy = run.context.strategy
    shard = strategy.shard
    epoch, epochs_before = len(losses_of(stage, run.history)), len(run.history)
    batches = Batches(
        features,
        smoothed(run.train.targets, stage.label_smoothing),
        run.train.weights,
        run.context.options.batch,
        (run.context.options.seed, epochs_before),
        shard,
        run.images,
    )
    reseed(tail, epochs_before * shard.count + shard.index)
    tail.set_weights(weights)
    with signals_wait():  # TensorFlow calls Python from C++
        tail.fit(
            batches,
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,
            verbose=0,
            callbacks=[callback],
        )
    # The statistics of BatchNorm differ among the workers.
    tail.set_weights(strategy.average(tail.get_weights()))


def predict(
    model: keras.Model, sha256s: list[str], pixels: PixelCache, label: str
) -> NDArray[np.float32]:
    """Returns the (n, classes) float32 probabilities of images in the cache.

    `label` names the progress bar.
    """
    scores = []
    function = feature_function(model, pixels.shape)
    with Progress(label, len(sha256s)) as bar:
        for start in range(0, len(sha256s), PREDICTION_BATCH):
            batch = pixels.read(sha256s[start : start + PREDICTION_BATCH])
            scores.append(np.asarray(function(batch.astype(np.float32))))
            bar.advance(len(batch))
    return np.concatenate(scores)


def _current_stage(stages: tuple[Stage, ...], history: list[Epoch]) -> int:
    """Returns the index of the stage of the last epoch."""
    return [stage.name for stage in stages].index(history[-1].stage) if history else 0


def _is_over(stage: Stage, history: list[Epoch]) -> bool:
    losses = losses_of(stage, history)
    if len(losses) >= stage.epochs:
        return True
    if stage.patience is None:
        return False
    epochs_without_gain = len(losses) - 1 - losses.index(min(losses)) if losses else 0
    return epochs_without_gain > 0 and epochs_without_gain >= stage.patience
