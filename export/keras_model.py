"""Loads the trained Keras model and asks it for scores."""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from runtime.errors import CheckFailed, InputRefused


def load(path: Path) -> keras.Model:
    """The model of a `.keras` file, never with code from inside the file.

    Raises:
        InputRefused: Keras cannot load it.
        CheckFailed: a weight is not a finite number; names the layer.
    """
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise InputRefused(str(path), f"Keras cannot load it: {' '.join(str(error).split())[:300]}") from error
    for layer in model.layers:
        if not all(np.isfinite(weight).all() for weight in layer.get_weights()):
            raise CheckFailed(str(path), f"layer '{layer.name}' has weights that are NaN or infinite")
    return model


def scores(model: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, height, width, 3) uint8 RGB -> (n, classes) float32 probabilities.

    Raises:
        CheckFailed: one is not a finite number.
    """
    answer = np.asarray(model.predict_on_batch(pixels.astype(np.float32)))
    if not np.isfinite(answer).all():
        raise CheckFailed("model.keras", "the Keras model itself answers NaN or infinity")
    return answer
