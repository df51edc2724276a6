"""One flat functional model of raw pixels: nested models unfolded, what does nothing at inference left out, normalisation put before it."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras.src.models.functional import Functional

from export.pixel_head import Matrix, measure, pixel_head, pixel_layer
from export.preparation import Preparation
from export.signature import Signature
from runtime.scaling import Scaling

AUGMENTATION = frozenset(
    {
        *("RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomShear", "RandomErasing"),
        *("RandomBrightness", "RandomContrast", "RandomHue", "RandomSaturation", "RandomSharpness", "RandomColorJitter", "RandomGrayscale"),
    }
)
"""Layers that at inference return the pictures they are given. RandomCrop is none of them: it cuts out the centre."""
TRAINING_ONLY = AUGMENTATION | {"GaussianNoise", "GaussianDropout", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout"}
"""These too return what they are given."""


def flatten(model: keras.Model, signature: Signature, preparation: Preparation) -> keras.Model:
    """`model` as one flat model with the same weights, on float RGB pixels (batch, height, width, 3) in 0..255.

    A model that is flat already, of fixed size and with nothing to prepare, is returned as it is.
    """
    if preparation.scaling or preparation.softmax or not _is_plain(model, signature) or any(map(_unfolds, model.layers)):
        model = _prepared(model, signature, preparation)
    end = pixel_head(model)
    head = None if end is None else measure(model, end)
    return _with_head(model, end, *head) if head else model


def _is_plain(model: keras.Model, signature: Signature) -> bool:
    """Whether it is functional, takes and gives tensors that are in no list or dict, and any number of pictures of one size."""
    if isinstance(model, keras.Sequential) or not all(isinstance(part, keras.KerasTensor) for part in (model.input, model.output)):
        return False
    return tuple(model.input_shape) == (None, signature.height, signature.width, 3)


def _prepared(model: keras.Model, signature: Signature, preparation: Preparation) -> keras.Model:
    unfolding = _Unfolding()
    pixels = keras.Input((signature.height, signature.width, 3), name="pixels")
    values = _scale(preparation.scaling, unfolding.free("normalise"))(pixels) if preparation.scaling else pixels
    (scores,) = keras.tree.flatten(unfolding.call(model, values))
    if preparation.softmax:
        scores = keras.layers.Softmax(name=unfolding.free("probabilities"))(scores)
    unfolding.copy_weights()
    return keras.Model(pixels, scores, name=model.name)


def _with_head(model: keras.Model, end: Any, matrix: Matrix, offset: Matrix) -> keras.Model:
    """`model` with all that it does before the tensor `end` in one layer."""
    unfolding = _Unfolding()
    pixels = keras.Input(model.input_shape[1:], name="pixels")
    scores = unfolding.call(keras.Model(end, model.output), pixel_layer(matrix, offset, unfolding.free("normalise"))(pixels))
    unfolding.copy_weights()
    return keras.Model(pixels, scores, name=model.name)


def _scale(scaling: Scaling, name: str) -> Callable[[Any], Any]:
    """(pixel - mean) / std, in the order of channels that the model takes."""
    mean, std = (np.broadcast_to(np.array(numbers, np.float64), 3) for numbers in (scaling.mean, scaling.std))
    order = np.eye(3)[::-1] if scaling.bgr else np.eye(3)
    return pixel_layer(order / std, -mean / std, name)


def _unfolds(layer: Any) -> bool:
    return _is_nested(layer) or layer.compute_dtype != "float32" or type(layer).__name__ in AUGMENTATION


def _is_nested(op: Any) -> bool:
    return isinstance(op, Functional | keras.Sequential)


class _Unfolding:
    """Copies of the layers of a model and of the models in it, one a layer, each with a name of its own."""

    def __init__(self) -> None:
        self._names = {"pixels"}
        self._copies: dict[int, tuple[Any, Any]] = {}

    def free(self, name: str) -> str:
        """`name`, or where another layer has it already, one made from it."""
        number, found = 1, name
        while found in self._names:
            found, number = f"{name}_{number}", number + 1
        self._names.add(found)
        return found

    def call(self, model: Any, tensor: Any) -> Any:
        """The output for `tensor` of the copied layers of `model`, called one by one as it calls them."""
        functional = model._functional if isinstance(model, keras.Sequential) else model
        return functional._run_through_graph(
            tensor, operation_fn=self._operation, call_fn=lambda op, *given, **options: op(*given, **options)
        )

    def copy_weights(self) -> None:
        """To call when every copy is built."""
        for op, copy in self._copies.values():
            if isinstance(op, keras.layers.Layer):
                copy.set_weights(op.get_weights())
            if isinstance(op, keras.layers.Normalization):
                copy.finalize_state()

    def _operation(self, op: Any) -> Callable[..., Any]:
        """What stands for `op`. The `training` that its call was written with does not count: at inference Keras passes another."""
        if _is_nested(op):
            return lambda tensor, **options: self.call(op, tensor)
        if type(op).__name__ in TRAINING_ONLY:
            return lambda tensor, **options: tensor
        copy: Callable[..., Any] = self._copy(op)
        return copy

    def _copy(self, op: Any) -> Any:
        if id(op) not in self._copies:
            config = {**op.get_config(), "name": self.free(op.name)}
            if getattr(op, "compute_dtype", "float32") != "float32":
                config["dtype"] = "float32"
            self._copies[id(op)] = op, type(op).from_config(config)
        return self._copies[id(op)][1]
