"""Loads a Keras model and asks it for scores."""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from export.at_once import pictures_at_once
from export.flat_model import flatten
from export.preparation import UNCHANGED, Preparation
from export.saved_model import open_saved_model
from export.saved_model_folder import is_saved_model
from export.signature import Signature, read_signature
from runtime.errors import CheckFailed, InputRefused

SUM_TOLERANCE = 1e-2
"""Of the scores of one picture about 1: float16 models keep three digits."""


def load(path: Path, preparation: Preparation = UNCHANGED) -> keras.Model:
    """The model of a `.keras` file or SavedModel folder that passed its checks, flat, on raw pixels; never with code from inside the file.

    Raises:
        InputRefused: Keras cannot load it, or it is not one picture in, one vector of scores out.
        CheckFailed: a weight is not a finite number; names the layer.
    """
    try:
        if is_saved_model(path):
            model = open_saved_model(path, preparation.input_size)
        else:
            model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, AttributeError, NotImplementedError) as error:
        raise InputRefused(str(path), f"Keras cannot load it: {' '.join(str(error).split())[:300]}") from error
    flat = flatten(model, read_signature(model, str(path), preparation.input_size), preparation)
    for layer in flat.layers:
        if not all(np.isfinite(np.asarray(weight, np.float32)).all() for weight in layer.get_weights()):
            raise CheckFailed(str(path), f"layer '{layer.name}' has weights that are NaN or infinite")
    return flat


def try_model(path: Path, preparation: Preparation) -> Signature:
    """Loads a model and runs it on one grey picture; what it takes and gives.

    Raises:
        what `load` and `scores` raise.
    """
    model = load(path, preparation)
    _, height, width, _ = model.input_shape
    answer = np.asarray(model(np.full((1, height, width, 3), 127, np.float32), training=False))
    if not np.isfinite(answer).all():
        raise CheckFailed(str(path), "the Keras model itself answers NaN or infinity")
    return Signature(height, width, answer.shape[-1])


def scores(model: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, height, width, 3) uint8 RGB -> (n, classes) float32 probabilities.

    Raises:
        CheckFailed: one is not a finite number.
    """
    step = pictures_at_once(model, max(1, len(pixels)))
    parts = (pixels[start : start + step].astype(np.float32) for start in range(0, len(pixels), step))
    answer = np.concatenate([np.asarray(model.predict_on_batch(part), np.float32) for part in parts])
    if not np.isfinite(answer).all():
        raise CheckFailed("model.keras", "the Keras model itself answers NaN or infinity")
    return answer


def check_probabilities(model: keras.Model, pixels: NDArray[np.uint8], thing: str, *, softmax_added: bool) -> None:
    """Refuses a model whose scores are not probabilities, or one that got a softmax with --logits and had one already.

    `pixels` are (n, height, width, 3) uint8 RGB of real pictures.

    Raises:
        InputRefused: the scores of a picture do not add up to 1.
        CheckFailed: one is not a finite number, or all pictures get the same.
    """
    if softmax_added:
        before = keras.Model(model.inputs, model.layers[-1].input)
        if _are_probabilities(scores(before, pixels)):
            raise InputRefused(thing, "gives probabilities already; leave out --logits")
        return
    found = scores(model, pixels)
    if not _are_probabilities(found):
        total, low, high = found.sum(1)[0], found.min(), found.max()
        raise InputRefused(
            thing,
            f"its scores are not probabilities: those of one picture add up to {total:.3g}, and they run from {low:.3g} to {high:.3g};"
            " if they are logits, give --logits; a sigmoid for each class is not supported",
        )
    if len(pixels) > 1 and np.ptp(pixels, axis=0).any() and (found == found[0]).all():
        raise CheckFailed(thing, "the Keras model itself gives the same scores for every picture; train it again")


def _are_probabilities(found: NDArray[np.float32]) -> bool:
    return bool((found >= 0).all() and (found <= 1 + SUM_TOLERANCE).all() and (abs(found.sum(1) - 1) < SUM_TOLERANCE).all())
