"""Turns a Keras model into one flat functional model that takes raw pixels.

It unfolds nested models, drops layers that do nothing at inference, and puts the normalization
first.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras.src.models.functional import Functional

from export.graph.input_normalization import PixelHead, PixelTransform, find_pixel_head
from export.graph.model_signature import ModelSignature
from export.graph.wrapping import Wrapping
from runtime.errors import InputRefused
from runtime.models.normalization import Normalization

AUGMENTATION = frozenset(
    {
        *("RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomShear"),
        *("RandomErasing", "RandomBrightness", "RandomContrast", "RandomHue", "RandomSaturation"),
        *("RandomSharpness", "RandomColorJitter", "RandomGrayscale"),
    }
)
"""Layers that return their input at inference. RandomCrop does not: it cuts out the centre."""
TRAINING_ONLY = AUGMENTATION | {
    "GaussianNoise",
    "GaussianDropout",
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "AlphaDropout",
}
"""All layers that return their input at inference."""


def flatten(model: keras.Model, signature: ModelSignature, wrapping: Wrapping) -> keras.Model:
    """Returns `model` as one flat model that takes float pixels in 0..255, RGB or grey.

    The input is (batch, height, width, channels) and the weights are the same. A model comes back
    unchanged if it is flat already, has a fixed size and needs no wrapping.

    Raises:
        InputRefused: the normalization has numbers for three channels, and the model is grey.
    """
    if (
        wrapping.normalization
        or wrapping.softmax
        or not _is_plain(model, signature)
        or any(map(_must_be_copied, model.layers))
    ):
        model = _flattened(model, signature, wrapping)
    head = find_pixel_head(model)
    return _with_one_layer_for(head, model) if head else model


def _is_plain(model: keras.Model, signature: ModelSignature) -> bool:
    """Checks for a functional model with bare tensors, a fixed image size and a free batch size."""
    if isinstance(model, keras.Sequential):
        return False
    if not all(isinstance(end, keras.KerasTensor) for end in (model.input, model.output)):
        return False
    return tuple(model.input_shape) == (None, *_shape(signature))


def _shape(signature: ModelSignature) -> tuple[int, int, int]:
    return signature.height, signature.width, signature.channels


def _must_be_copied(layer: Any) -> bool:
    return (
        _is_nested(layer)
        or layer.compute_dtype != "float32"
        or type(layer).__name__ in AUGMENTATION
    )


def _is_nested(operation: Any) -> bool:
    return isinstance(operation, Functional | keras.Sequential)


def _flattened(model: keras.Model, signature: ModelSignature, wrapping: Wrapping) -> keras.Model:
    copier = _LayerCopier()
    pixels = keras.Input(_shape(signature), name="pixels")
    values = pixels
    if wrapping.normalization:
        name = copier.unique_name("normalize")
        transform = _transform(wrapping.normalization, signature.channels)
        values = transform.call_layer(pixels, name)
    if len(model.input_shape) == 3:
        without_channels = (signature.height, signature.width)
        values = keras.layers.Reshape(without_channels, name=copier.unique_name("grey"))(values)
    (scores,) = keras.tree.flatten(copier.call(model, values))
    if wrapping.softmax:
        scores = keras.layers.Softmax(name=copier.unique_name("probabilities"))(scores)
    copier.copy_weights()
    return keras.Model(pixels, scores, name=model.name)


def _with_one_layer_for(head: PixelHead, model: keras.Model) -> keras.Model:
    """Returns `model` with a single layer in place of its pixel head."""
    copier = _LayerCopier()
    pixels = keras.Input(model.input_shape[1:], name="pixels")
    inner = keras.Model(head.end, model.output)
    values = head.transform.call_layer(pixels, copier.unique_name("normalize"))
    scores = copier.call(inner, values)
    copier.copy_weights()
    return keras.Model(pixels, scores, name=model.name)


def _transform(normalization: Normalization, channels: int) -> PixelTransform:
    """Returns (pixel - mean) / std, with the output in the channel order that the model takes."""
    if len(normalization.mean) > channels:
        raise InputRefused(
            "--normalize", "the model is grey: expected none, tf or one MEAN,STD, found three"
        )
    mean = np.broadcast_to(np.array(normalization.mean, np.float64), channels)
    std = np.broadcast_to(np.array(normalization.std, np.float64), channels)
    order = np.eye(channels)[::-1] if normalization.bgr else np.eye(channels)
    return PixelTransform(order / std, -mean / std)


class _LayerCopier:
    """Copies each layer of a model, and of the models nested in it, under a unique name."""

    def __init__(self) -> None:
        self._names = {"pixels"}
        self._copies: dict[int, tuple[Any, Any]] = {}

    def unique_name(self, name: str) -> str:
        """Returns `name`, with a number behind it if another layer has it already."""
        number, unique = 1, name
        while unique in self._names:
            unique, number = f"{name}_{number}", number + 1
        self._names.add(unique)
        return unique

    def call(self, model: Any, tensor: Any) -> Any:
        """Returns the output of copies of the layers of `model`, called in its order."""
        functional = model._functional if isinstance(model, keras.Sequential) else model
        return functional._run_through_graph(
            tensor,
            operation_fn=self._replacement,
            call_fn=lambda operation, *inputs, **options: operation(*inputs, **options),
        )

    def copy_weights(self) -> None:
        """Copies all weights; call it after every copy was built."""
        for operation, copy in self._copies.values():
            if isinstance(operation, keras.layers.Layer):
                copy.set_weights(operation.get_weights())
            if isinstance(operation, keras.layers.Normalization):
                copy.finalize_state()

    def _replacement(self, operation: Any) -> Callable[..., Any]:
        """Returns what replaces `operation` in the flat model.

        It ignores the `training` argument of the original call: at inference Keras passes another.
        """
        if _is_nested(operation):
            return lambda tensor, **options: self.call(operation, tensor)
        if type(operation).__name__ in TRAINING_ONLY:
            return lambda tensor, **options: tensor
        copy: Callable[..., Any] = self._copy(operation)
        return copy

    def _copy(self, operation: Any) -> Any:
        if id(operation) not in self._copies:
            config = {**operation.get_config(), "name": self.unique_name(operation.name)}
            if getattr(operation, "compute_dtype", "float32") != "float32":
                config["dtype"] = "float32"
            self._copies[id(operation)] = operation, type(operation).from_config(config)
        return self._copies[id(operation)][1]
