"""All graphics cards of this machine: TensorFlow's MirroredStrategy, which Keras' `fit` knows."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from runtime import cli
from train.engine import ALONE, Engine, Share
from train.one_device import step


def all_cards() -> Engine:
    """The engine of all cards; of one device, with a line that says so, where there are fewer than two."""
    cards = tf.config.list_logical_devices("GPU")
    if len(cards) < 2:
        found = f"TensorFlow sees {'one graphics card' if cards else 'no graphics card'} here"
        cli.say(f"{cli.program('train')}: --distribute: {found}: trains as without it; for several machines see --help")
        return ALONE
    return mirrored([card.name for card in cards])


def mirrored(devices: list[str]) -> Engine:
    """The engine of these devices: each takes its part of every step, and of each batch of features."""
    strategy = tf.distribute.MirroredStrategy(devices)

    def spread(part: keras.Model | None, augment: keras.Sequential | None) -> Callable[[Any], Any]:
        if part is None:
            return step(None, augment)
        augmented, compute = step(None, augment), step(part, None)

        def compute_on_all(batch: Any) -> Any:
            pieces = np.array_split(np.asarray(augmented(batch)), len(devices))
            values = strategy.experimental_distribute_values_from_function(
                lambda replica: tf.constant(pieces[replica.replica_id_in_sync_group])
            )
            return np.concatenate(strategy.experimental_local_results(strategy.run(compute, args=(values,))))

        return compute_on_all

    return Engine(Share(devices=len(devices)), strategy.scope, spread)
