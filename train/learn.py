"""Builds a model and trains it on the training pictures, watched on the validation pictures; the test pictures are not looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from runtime.quiet import quiet
from train.backbones import Backbone
from train.cache import PixelCache
from train.data import DataSet
from train.engine import ALONE, Engine
from train.epoch import Epoch, kept
from train.fit import fit
from train.frozen import Examples, Frozen
from train.model import build_augmentation, build_model
from train.one_device import step
from train.options import TrainOptions
from train.precision import FLOAT32, capabilities, policy, precision
from train.settings import Settings, settle
from train.stages import stages
from train.unfinished import Unfinished


@dataclass(frozen=True)
class Learned:
    """A trained model, the epochs it went through, the one whose weights it has, the seconds, and the arithmetic it was built with."""

    model: keras.Model
    history: list[Epoch]
    kept: Epoch
    seconds: float
    arithmetic: str


def learn(
    backbone: Backbone,
    data: DataSet,
    cache: PixelCache,
    options: TrainOptions,
    features: Path,
    partial: Unfinished,
    after_epoch: Callable[[Epoch], None],
    engine: Engine = ALONE,
) -> Learned:
    """A model trained by `options`: see `fit`. The same for the same arguments in a process that has trained others before.

    Raises:
        CheckFailed: the training diverged.
        MachineError: the disk is full.
    """
    keras.backend.clear_session()  # layers are named by a count of those before them, and features are found again by these names
    keras.utils.set_random_seed(options.seed)
    cards = capabilities()
    if cards:  # on a CPU the kernels are deterministic anyway, and this would read data on one thread
        tf.config.experimental.enable_op_determinism()
    arithmetic = policy(cards) if options.mixed_precision == "auto" else FLOAT32
    train, val = (Examples([picture.sha256 for picture in data.split(split)], data.targets(split)) for split in ("train", "val"))
    settings = settle(options)
    with precision(arithmetic):
        with engine.scope():
            model = build_model(backbone, cache.preprocessing, len(data.labels), settings)
        own = _copy(model, backbone, cache, settings, options.seed) if engine.own_model else model
        with quiet():
            own.predict_on_batch(np.zeros((1, *cache.shape), np.float32))
        plan = stages(model, settings)
        augment = build_augmentation(options.flip, options.augment, options.seed + 1000 * engine.share.index)
        frozen = Frozen(features, own, plan[-1].boundary, cache, augment, engine.step or step)
        with engine.scope():
            history, seconds = fit(model, plan, train, val, frozen, options, partial, after_epoch, engine.share)
        if own is not model:
            own.set_weights(model.get_weights())
    engine.leave()
    return Learned(own, history, kept(history, len(data.split("val"))), seconds, arithmetic)


def _copy(model: keras.Model, backbone: Backbone, cache: PixelCache, settings: Settings, seed: int) -> keras.Model:
    """The same layers with the same names and weights."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    copy = build_model(backbone, cache.preprocessing, model.output_shape[-1], settings)
    copy.set_weights(model.get_weights())
    return copy
