"""Which layer quantization hurts: each operator of the int8 model beside the float one, on the same real pictures."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.formats.tflite import calibrate
from export.formats.tflite_quantize import layer_of, tensors_of, verifying
from export.kind import Kind
from export.normalisation import split_normalisation
from runtime.quiet import quiet

PICTURES = 20
FIXED_SCALE = "SOFTMAX"
"""The operator whose scale is 1/256 in every model: it is no layer's fault what small probabilities lose by it."""


@dataclass(frozen=True)
class LayerError:
    """An operator of the int8 model.

    steps: root mean square difference from the float operator, in steps of the output's scale; rounding alone gives 0.29
        (1 / sqrt(12): an error spread evenly over one step).
    lost: root mean square difference of a channel by root mean square of its values, at most 1, mean over the channels: 0 none, 1 all.
    scale: of its output. after, after_scale: the layer before it in the graph, and the scale of that one's output.
    """

    layer: str
    operator: str
    steps: float
    lost: float
    scale: float
    after: str
    after_scale: float


def layer_errors(model: keras.Model, calibration: NDArray[np.uint8], kind: Kind) -> list[LayerError]:
    """The operators of `model` in int8, the most hurt first; `calibration` is the (n, height, width, 3) uint8 representative dataset.

    Measured by TensorFlow's QuantizationDebugger, each operator by itself: it is given the quantized inputs. A range too wide, in which
    most channels round to nothing, shows in `lost`; the kind's float layers have no error.
    """
    normalisation, _ = split_normalisation(model)
    calibrated = calibrate(model, kind, calibration)

    def pictures() -> Iterator[list[NDArray[np.float32]]]:
        for pixels in calibration[:PICTURES]:
            yield [normalisation.apply(pixels[np.newaxis])]

    table = io.StringIO()
    with quiet(1, 2):
        debugger = tf.lite.experimental.QuantizationDebugger(
            quant_debug_model_content=verifying(calibrated, tensors_of(model, calibrated, kind.float_layers)),
            debug_dataset=pictures,
            debug_options=tf.lite.experimental.QuantizationDebugOptions(layer_direct_compare_metrics={"lost": _lost}),
        )
        debugger.run()
        debugger.layer_statistics_dump(table)
    errors: list[LayerError] = []
    after, after_scale = "pixels", normalisation.scale
    for row in csv.DictReader(io.StringIO(table.getvalue())):
        layer, scale = layer_of(model, row["tensor_name"]), float(row["scale"])
        steps = float(row["mean_squared_error"]) ** 0.5 / scale
        if row["op_name"] != FIXED_SCALE:
            errors.append(LayerError(layer, row["op_name"], steps, float(row["lost"]), scale, after, after_scale))
        after, after_scale = layer, scale
    return sorted(errors, key=lambda error: -error.lost)


def _lost(values: NDArray[np.float32], quantized: NDArray[np.int8], scale: float, zero_point: int) -> float:
    channels = values.reshape(-1, values.shape[-1])
    difference = (quantized.reshape(channels.shape).astype(np.float32) - zero_point) * scale - channels
    size, error = (np.sqrt(np.mean(one**2, axis=0)) for one in (channels, difference))
    return float(np.mean(np.minimum(error[size > 0] / size[size > 0], 1))) if size.any() else 0.0
