"""Holds what the stages of one training share, and saves it in checkpoints."""

import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runtime.errors import InputRefused
from train.checkpoints.checkpoint import Arrays, Checkpoint
from train.checkpoints.history import Epoch
from train.checkpoints.resume import UnfinishedRun
from train.fitting.frozen_features import FrozenFeatures
from train.fitting.loss import WeightedExamples
from train.fitting.schedule import Stage
from train.fitting.training_context import TrainingContext

VALIDATION_BATCH = 32


@dataclass(frozen=True)
class RunState:
    """Holds what the stages of one training share. `started_at` is of the monotonic clock."""

    context: TrainingContext
    frozen: FrozenFeatures
    train: WeightedExamples
    val: WeightedExamples
    history: list[Epoch]
    started_at: float

    @property
    def images(self) -> int:
        """Returns the number of training images of all workers."""
        alone = self.context.strategy.shard.count == 1
        return len(self.train.targets) if alone else len(self.context.data.split("train"))

    @property
    def steps(self) -> int:
        """Returns the number of steps in an epoch."""
        return -(-self.images // self.context.options.batch)

    @property
    def seconds(self) -> float:
        """Returns the seconds of training so far, including those before a resume."""
        return time.monotonic() - self.started_at


def validation_batches(run: RunState, features: NDArray[np.float32]) -> tf.data.Dataset:
    """Returns the validation images of this worker, for `evaluate_tail` after every epoch."""
    images = tf.data.Dataset.from_tensor_slices((features, run.val.targets, run.val.weights))
    return images.batch(VALIDATION_BATCH * run.context.strategy.shard.devices)


def evaluate_tail(
    run: RunState, tail: keras.Model, validation: tf.data.Dataset
) -> tuple[float, float]:
    """Returns the validation loss and accuracy, over the images of all workers."""
    result = tail.evaluate(validation, verbose=0, return_dict=True)
    loss, accuracy = run.context.strategy.mean(
        result["loss"], result["accuracy"], weight=len(run.val.weights)
    )
    return loss, accuracy


def epochs_of(stage: Stage, history: list[Epoch]) -> list[Epoch]:
    """Returns the epochs of the stage so far."""
    return [epoch for epoch in history if epoch.stage == stage.name]


def losses_of(stage: Stage, history: list[Epoch]) -> list[float]:
    """Returns the validation loss of each epoch of the stage so far."""
    return [epoch.val_loss for epoch in epochs_of(stage, history)]


def checkpoint_of(run: RunState, tail: keras.Model, latest: Arrays, best: Arrays) -> Checkpoint:
    """Returns a checkpoint after the last epoch of `run`; see its fields."""
    optimizer = [np.asarray(variable) for variable in tail.optimizer.variables]
    made_by = run.context.unfinished.made_by
    return Checkpoint(tuple(run.history), run.seconds, latest, best, optimizer, made_by)


def restore(tail: keras.Model, checkpoint: Checkpoint, unfinished: UnfinishedRun) -> None:
    """Sets the weights and the optimizer of `tail` to those of a checkpoint.

    Raises:
        InputRefused: the checkpoint is of another network.
    """
    try:
        tail.set_weights(checkpoint.weights)
        for variable, value in zip(tail.optimizer.variables, checkpoint.optimizer, strict=True):
            variable.assign(value)
    except ValueError as error:
        raise InputRefused(
            str(unfinished.path),
            f"does not fit this network ({error}); remove it to start the training again",
        ) from error
