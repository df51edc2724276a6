"""Measures which layer quantization damages most.

It compares each operator of the int8 model with the float one on the same real images.
"""

import csv
import io
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.formats.artifact_spec import ArtifactSpec
from export.formats.layer_error import LayerError
from export.formats.tflite.calibrate import calibrate
from export.formats.tflite.float_scores import float_tensors
from export.formats.tflite.quantize import layer_of, with_verify_operators
from export.graph.input_normalization import split_input_normalization
from runtime.system.terminal import quiet

MAX_IMAGES = 20
FIXED_SCALE = "SOFTMAX"
"""The operator whose scale is 1/256 in every model. No layer causes what small probabilities lose
by it."""


def layer_errors(
    model: keras.Model, calibration: NDArray[np.uint8], spec: ArtifactSpec
) -> list[LayerError]:
    """Returns the error of each operator of `model` in int8, the most damaged layer first.

    TensorFlow's QuantizationDebugger measures each operator separately, with quantized inputs. If a
    range is so wide that most channels round to nothing, `lost` shows it. Layers in
    float have no error. `calibration` is the (n, height, width, 3) uint8 representative dataset.
    """
    normalization, _ = split_input_normalization(model)
    calibrated = calibrate(model, spec, calibration)
    in_float = float_tensors(model, calibrated, spec.float_layers, float_scores=spec.float_scores)

    def images() -> Iterator[list[NDArray[np.float32]]]:
        for pixels in calibration[:MAX_IMAGES]:
            yield [normalization.apply(pixels[np.newaxis])]

    table = io.StringIO()
    with quiet(1, 2):
        debugger = tf.lite.experimental.QuantizationDebugger(
            quant_debug_model_content=with_verify_operators(calibrated, in_float),
            debug_dataset=images,
            debug_options=tf.lite.experimental.QuantizationDebugOptions(
                layer_direct_compare_metrics={"lost": _lost}
            ),
        )
        debugger.run()
        debugger.layer_statistics_dump(table)
    errors: list[LayerError] = []
    after, after_scale = "pixels", normalization.scale
    for row in csv.DictReader(io.StringIO(table.getvalue())):
        layer, operator, scale = (
            layer_of(model, row["tensor_name"]),
            row["op_name"],
            float(row["scale"]),
        )
        if operator != FIXED_SCALE:
            steps = float(row["mean_squared_error"]) ** 0.5 / scale
            lost = float(row["lost"])
            errors.append(LayerError(layer, operator, steps, lost, scale, after, after_scale))
        after, after_scale = layer, scale
    return sorted(errors, key=lambda error: -error.lost)


def _lost(
    values: NDArray[np.float32], quantized: NDArray[np.int8], scale: float, zero_point: int
) -> float:
    """Returns the mean part, 0..1, of a channel's root mean square that quantization takes."""
    channels = values.reshape(-1, values.shape[-1])
    steps = quantized.reshape(channels.shape).astype(np.float32)
    difference = (steps - zero_point) * scale - channels
    size, error = (np.sqrt(np.mean(array**2, axis=0)) for array in (channels, difference))
    if not size.any():
        return 0.0
    return float(np.mean(np.minimum(error[size > 0] / size[size > 0], 1)))
