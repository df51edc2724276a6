"""Trains on all graphics cards of this machine, with TensorFlow's MirroredStrategy."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from runtime.cli.identity import program_name
from runtime.system.terminal import say
from train.distribution.strategy import ALONE, DistributionStrategy, WorkerShard


def all_gpus() -> DistributionStrategy:
    """Returns the strategy of all cards; with fewer than two it prints a note and returns ALONE."""
    cards = tf.config.list_logical_devices("GPU")
    if len(cards) < 2:
        count = "one graphics card" if cards else "no graphics card"
        say(
            f"{program_name('train')}: --distribute: TensorFlow finds {count} here, so this trains "
            "as without it; for several machines see --help"
        )
        return ALONE
    return mirrored([card.name for card in cards])


def mirrored(devices: list[str]) -> DistributionStrategy:
    """Returns the strategy of these devices, which share every step and every batch of features."""
    strategy = tf.distribute.MirroredStrategy(devices)

    def shared_feature_function(
        layers: keras.Model, _shape: tuple[int, ...]
    ) -> Callable[[Any], Any]:
        compute = tf.function(partial(layers, training=False), reduce_retracing=True)

        def compute_on_all(batch: Any) -> Any:
            pieces = np.array_split(np.asarray(batch), len(devices))
            values = strategy.experimental_distribute_values_from_function(
                lambda replica: tf.constant(pieces[replica.replica_id_in_sync_group])
            )
            results = strategy.run(compute, args=(values,))
            return np.concatenate(strategy.experimental_local_results(results))

        return compute_on_all

    shard = WorkerShard(devices=len(devices))
    return DistributionStrategy(shard, strategy.scope, shared_feature_function)
