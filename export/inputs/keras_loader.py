"""Loads a Keras model and asks it for scores."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from export.graph.batch_size import safe_batch_size
from export.graph.flatten import flatten
from export.graph.input_normalization import scales_pixels
from export.graph.model_signature import ModelSignature, read_signature, scores_output_name
from export.graph.two_scores import with_two_scores
from export.graph.wrapping import NO_WRAPPING, Wrapping
from export.inputs.saved_model import open_saved_model, served_scales_pixels
from export.inputs.saved_model_files import is_saved_model
from runtime.errors import CheckFailed, InputRefused
from workstation.keras_loading import load_keras_file

SUM_TOLERANCE = 1e-2
"""How far the scores of one image may add up to another sum than 1: float16 keeps three digits."""


def load_flat_model(
    path: Path, preparation: Wrapping = NO_WRAPPING, *, one_class: bool = False
) -> keras.Model:
    """Returns the checked `.keras` file or SavedModel folder as a flat model on raw pixels.

    No code from inside the file runs. With `one_class` a single score stays the only one.

    Raises:
        InputRefused: Keras cannot load it, or it is not one image in, one vector of scores out.
        CheckFailed: a weight is not a finite number; names the layer.
    """
    return _flat(_read(path, preparation), path, preparation, one_class=one_class)


def _read(path: Path, preparation: Wrapping) -> keras.Model:
    if is_saved_model(path):
        return open_saved_model(path, preparation)
    model = load_keras_file(path)
    outputs = list(getattr(model, "outputs", None) or ())
    if len(outputs) < 2:
        return model
    names = dict(zip(model.output_names, outputs, strict=True))
    shapes = {name: tuple(tensor.shape) for name, tensor in names.items()}
    chosen = names[scores_output_name(shapes, preparation, str(path))]
    return keras.Model(model.inputs, chosen, name=model.name)


def _flat(
    model: keras.Model, path: Path, preparation: Wrapping, *, one_class: bool = False
) -> keras.Model:
    signature = read_signature(model, str(path), preparation.input_size)
    if signature.classes == 1 and not one_class:
        flat = flatten(model, signature, replace(preparation, softmax=False))
        flat = with_two_scores(flat, str(path), is_logit=preparation.softmax)
    else:
        flat = flatten(model, signature, preparation)
    for layer in flat.layers:
        weights = [np.asarray(weight, np.float32) for weight in layer.get_weights()]
        if not all(np.isfinite(weight).all() for weight in weights):
            raise CheckFailed(
                str(path), f"layer '{layer.name}' has weights that are NaN or infinite"
            )
    return flat


def try_keras_model(path: Path, preparation: Wrapping) -> ModelSignature:
    """Loads a model, runs it on one grey image and returns its signature.

    Raises:
        What `load` and `scores` raise.
    """
    original = _read(path, preparation)
    model = _flat(original, path, preparation)
    _, height, width, channels = model.input_shape
    grey = np.full((1, height, width, channels), 127, np.float32)
    output = np.asarray(model(grey, training=False))
    _require_finite(output, str(path))
    scales = False
    if preparation.normalization and is_saved_model(path):
        scales = served_scales_pixels(original)
    elif preparation.normalization:
        scales = scales_pixels(_flat(original, path, replace(preparation, normalization=None)))
    return ModelSignature(height, width, output.shape[-1], channels, scales)


def scores(model: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Returns the scores of images, (n, classes) float32.

    `pixels` are (n, height, width, channels) uint8.

    Raises:
        CheckFailed: a score is not a finite number.
    """
    step = safe_batch_size(model, max(1, len(pixels)))
    batches = [
        pixels[start : start + step].astype(np.float32) for start in range(0, len(pixels), step)
    ]
    outputs = [np.asarray(model.predict_on_batch(batch), np.float32) for batch in batches]
    all_scores = np.concatenate(outputs)
    _require_finite(all_scores, "model.keras")
    return all_scores


def _require_finite(output: NDArray[np.float32], name: str) -> None:
    if not np.isfinite(output).all():
        raise CheckFailed(name, "the Keras model itself answers NaN or infinity")


def check_probabilities(
    model: keras.Model, pixels: NDArray[np.uint8], name: str, *, softmax_added: bool
) -> None:
    """Refuses a model whose scores are not probabilities.

    Also refuses a model that got a softmax by --scores and gave probabilities before.

    Args:
        pixels: of real images, (n, height, width, channels) uint8.
        name: of the model, for errors.

    Raises:
        InputRefused: the scores of an image do not add up to 1.
        CheckFailed: a score is not a finite number.
    """
    if softmax_added:
        without_softmax = keras.Model(model.inputs, model.layers[-1].input)
        if _are_probabilities(scores(without_softmax, pixels)):
            raise InputRefused(name, "gives probabilities already; leave out --scores logits")
        return
    image_scores = scores(model, pixels)
    if not _are_probabilities(image_scores):
        total, low, high = image_scores.sum(1)[0], image_scores.min(), image_scores.max()
        raise InputRefused(
            name,
            f"its scores are not probabilities: those of one image add up to {total:.3g}, and they"
            f" run from {low:.3g} to {high:.3g}; if they are logits, use --scores logits; a model"
            " with a sigmoid for each class must be trained with a softmax instead",
        )


def check_scores_differ(model: keras.Model, pixels: NDArray[np.uint8], name: str) -> None:
    """Refuses a model that gives all images the same scores; the arguments are as above.

    Raises:
        CheckFailed: it does, or a score is not a finite number.
    """
    image_scores = scores(model, pixels)
    images_differ = len(pixels) > 1 and np.ptp(pixels, axis=0).any()
    if images_differ and (image_scores == image_scores[0]).all():
        raise CheckFailed(
            name, "the Keras model itself gives the same scores for every image; train it again"
        )


def _are_probabilities(image_scores: NDArray[np.float32]) -> bool:
    in_range = (image_scores >= 0).all() and (image_scores <= 1 + SUM_TOLERANCE).all()
    return bool(in_range and (abs(image_scores.sum(1) - 1) < SUM_TOLERANCE).all())
