"""Builds the part of a model that learns in one stage, ready to be trained."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from train.fitting.frozen_features import layer_output
from train.fitting.schedule import Stage


class WeightAveraging(keras.optimizers.Adam):  # type: ignore[misc]
    """Adds to Adam a running average of the weights (Keras' `use_ema`).

    Keras replaces the weights by their average at the end of every call of `fit`. Here a call is
    one epoch, and the next epoch continues from the weights, so `put_average` does it instead.
    """

    def __init__(self, rate: Any, momentum: float, average: float | None) -> None:
        """Creates an optimizer whose average keeps `average` of itself per step (None: none)."""
        super().__init__(rate, momentum, use_ema=average is not None, ema_momentum=average or 0.0)

    def finalize_variable_values(self, trainable_variables: Sequence[Any]) -> None:
        """Keeps the weights at the end of `fit`."""

    def put_average(self, trainable_variables: Sequence[Any]) -> None:
        """Sets the variables to their average; without an average they stay."""
        if not self.use_ema:
            return
        super().finalize_variable_values(trainable_variables)


def compiled_tail(
    model: keras.Model, stage: Stage, steps: int, average: Callable[[Sequence[Any]], Sequence[Any]]
) -> tuple[keras.Model, WeightAveraging]:
    """Returns the part of the model that learns in this stage, and its optimizer.

    Its gradients go through `average`, which averages them over the workers. It shares its layers
    with the model. With float16 arithmetic Keras wraps the optimizer in another one, so
    `tail.optimizer` may differ from the returned one.
    """
    tail = keras.Model(layer_output(model, stage.boundary), model.output)
    learning = {layer.name for layer in tail.layers}
    for layer in model.layers:
        is_batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer.name in learning and (stage.batch_norm or not is_batch_norm)
    optimizer = WeightAveraging(_learning_rate(stage, steps), stage.momentum, stage.average)
    tail.compile(
        optimizer,
        "categorical_crossentropy",
        # Not by its name: Keras would make its variables while it traces the first step, and then
        # trace that a second time.
        metrics=[keras.metrics.CategoricalAccuracy("accuracy")],
        jit_compile=False,  # on processors XLA is many times slower
    )
    tail.optimizer.build(tail.trainable_variables)
    # The outer optimizer, because loss scaling must see the same gradients on all workers.
    apply = tail.optimizer.apply
    tail.optimizer.apply = lambda gradients, variables=None: apply(average(gradients), variables)
    return tail, optimizer


def _learning_rate(stage: Stage, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns a linear rise over the first epoch, then a cosine down to zero at the last step."""
    decay_steps = max(1, (stage.epochs - 1) * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps, warmup_target=stage.rate, warmup_steps=steps
    )
