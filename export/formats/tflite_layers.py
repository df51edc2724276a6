"""Which layer quantization hurts: each operator of the int8 model beside the float one, on the same real pictures."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.formats.tflite import int8_converter
from export.normalisation import split_normalisation
from runtime.quiet import quiet

PICTURES = 20


@dataclass(frozen=True)
class LayerError:
    """An operator of the int8 model.

    steps: root mean square difference from the float operator, in steps of the output's scale; rounding alone gives 0.29
        (1 / sqrt(12): an error spread evenly over one step).
    scale: of its output. after, after_scale: the layer before it in the graph, and the scale of that one's output.
    """

    layer: str
    operator: str
    steps: float
    scale: float
    after: str
    after_scale: float


def layer_errors(model: keras.Model, calibration: NDArray[np.uint8]) -> list[LayerError]:
    """The operators of `model` in int8, the most hurt first; `calibration` is the (n, height, width, 3) uint8 representative dataset.

    Measured by TensorFlow's QuantizationDebugger, each operator by itself: it is given the quantized inputs, so a range too wide in
    one layer shows as the error of the next.
    """
    normalisation, _ = split_normalisation(model)

    def pictures() -> Iterator[list[NDArray[np.float32]]]:
        for pixels in calibration[:PICTURES]:
            yield [normalisation.apply(pixels[np.newaxis])]

    table = io.StringIO()
    with quiet(1, 2):
        debugger = tf.lite.experimental.QuantizationDebugger(converter=int8_converter(model, calibration), debug_dataset=pictures)
        debugger.run()
        debugger.layer_statistics_dump(table)
    errors: list[LayerError] = []
    after, after_scale = "pixels", normalisation.scale
    for row in csv.DictReader(io.StringIO(table.getvalue())):
        layer, scale = _layer(model, row["tensor_name"]), float(row["scale"])
        steps = float(row["mean_squared_error"]) ** 0.5 / scale
        errors.append(LayerError(layer, row["op_name"], steps, scale, after, after_scale))
        after, after_scale = layer, scale
    return sorted(errors, key=lambda error: -error.steps)


def _layer(model: keras.Model, tensor: str) -> str:
    """The Keras layer that a fused operator's tensor name speaks of: the one with a kernel, if there is one."""
    parts = [re.sub(r"_\d+$", "", part) for part in re.split("[/;]", tensor)]
    named = [layer for layer in model.layers if layer.name in parts]
    with_kernel = [layer for layer in named if any(weight.name == "kernel" for weight in layer.weights)]
    return next((layer.name for layer in with_kernel + named), tensor)
