"""Builds a model and trains it on the training images; the test images are not read."""

from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf

from runtime.system.terminal import quiet
from train.checkpoints.history import Epoch, select_best_epoch
from train.configuration.resolved_options import resolve_options
from train.distribution.mixed_precision import (
    FLOAT32,
    choose_policy,
    compute_capabilities,
    precision,
)
from train.distribution.single_device import feature_function
from train.fitting.augmentation import (
    Family,
    build_augmentation,
    choose_families,
    possible_families,
)
from train.fitting.classifier_model import build_model
from train.fitting.fit import fit
from train.fitting.frozen_features import FrozenFeatures
from train.fitting.loss import LEARNT
from train.fitting.schedule import training_stages
from train.fitting.training_context import TrainingContext


@dataclass(frozen=True)
class TrainedModel:
    """Holds a trained model and describes its training.

    kept: the epoch whose weights the model has.
    policy: Keras' name of the arithmetic that the model was built with.
    families: the families of augmentation that the training images got.
    """

    model: keras.Model
    history: list[Epoch]
    kept: Epoch
    seconds: float
    policy: str
    families: tuple[Family, ...]


def train_model(context: TrainingContext) -> TrainedModel:
    """Builds and trains the model of `context`; see `fit`.

    The result does not depend on models that the process has trained before.

    Raises:
        CheckFailed: the training diverged.
        InputRefused: the options do not fit the backbone, or the checkpoint does not fit the model.
        MachineError: the disk is full.
    """
    # Keras numbers the layers it builds, and cached features are found by the layers' names.
    keras.backend.clear_session()
    options, strategy = context.options, context.strategy
    keras.utils.set_random_seed(options.seed)
    capabilities = compute_capabilities()
    if capabilities:
        # A CPU is deterministic anyway; there this would limit the reading of data to one thread.
        tf.config.experimental.enable_op_determinism()
    policy = choose_policy(capabilities) if options.mixed_precision == "auto" else FLOAT32
    settings = resolve_options(options)
    with precision(policy):
        with strategy.scope():
            model = build_model(
                context.backbone,
                context.pixels.preprocessing,
                len(context.data.labels),
                settings,
            )
        with quiet():
            model(np.zeros((1, *context.pixels.shape), np.float32), training=False)
        stages = training_stages(model, settings)
        seed = options.seed + 1000 * strategy.shard.index
        frozen = FrozenFeatures(
            context.feature_folder,
            model,
            stages[-1].boundary,
            context.pixels,
            build_augmentation(options, seed, ()),
            strategy.feature_function or feature_function,
        )
        families = possible_families(options)
        if settings.variants == 1:
            families = ()  # the only variant is the image itself
        elif options.augment == "auto" and stages[0].solved:
            families = choose_families(context, frozen, stages[0].boundary, seed)
        frozen = replace(frozen, augment=build_augmentation(options, seed, families))
        train, val = (len(context.data.split(split)) for split in LEARNT)
        frozen.announce_disk_space(train * max(stage.variants for stage in stages) + val)
        with strategy.scope():
            history, seconds = fit(model, stages, frozen, context)
    strategy.leave()
    kept = select_best_epoch(history, context.data.objects("val"))
    return TrainedModel(model, history, kept, seconds, policy, families)
