"""The ranges of a TFLite model's tensors: cut at a percentile before quantization, and checked after it."""

from collections.abc import Iterable

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from export.formats.tflite_quantize import layer_of
from runtime.errors import CheckFailed
from runtime.quiet import quiet

PERCENTILE = 99.99
"""Where a range is cut: so many of a hundred values lie on its inner side."""
SAMPLES = 65536
"""Values taken of one tensor of one picture, evenly spread over it."""
BINS = 4096
LEAST_SCALE = 1e-6
"""A uint8 tensor with a smaller one spans less than 0.00026: nothing was measured in it."""


def cut_ranges(calibrated: bytes, inputs: Iterable[NDArray[np.float32]]) -> bytes:
    """The calibrated model with each tensor's range cut at the 99.99th percentile of its values on `inputs`, (1, height, width, 3) each.

    What lies outside is clipped, and all else has finer steps. The input's range stays, so that the raw pixel stays the quantized input.
    """
    content = bytearray(calibrated)
    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    with quiet():
        interpreter = Interpreter(
            model_content=calibrated,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    outputs = {index for operator in interpreter._get_ops_details() for index in operator["outputs"]}
    measured = {index: graph.Tensors(index).Quantization() for index in outputs}
    measured = {index: one for index, one in measured.items() if one is not None and one.MaxLength()}
    counts = {index: np.zeros(BINS) for index in measured}
    for values in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
        interpreter.invoke()
        for index, one in measured.items():
            flat = interpreter.get_tensor(index).reshape(-1)
            counts[index] += np.histogram(flat[:: 1 + flat.size // SAMPLES], BINS, (one.Min(0), one.Max(0)))[0]
    for index, one in measured.items():
        edges = np.linspace(one.Min(0), one.Max(0), BINS + 1)
        below = np.cumsum(counts[index]) / max(1.0, counts[index].sum())
        first, last = np.searchsorted(below, (1 - PERCENTILE / 100, PERCENTILE / 100))
        low, high = min(0.0, edges[first]), max(0.0, edges[min(last + 1, BINS)])
        one.MinAsNumpy()[0], one.MaxAsNumpy()[0] = low, high
    return bytes(content)


def check_ranges(content: bytes, model: keras.Model) -> None:
    """Raises CheckFailed, naming tensor and layer, where an activation of a quantized model has no usable range.

    That is a scale below 1e-6 in 8 bits (the same range in 16), or one that is not finite: the calibration pictures, or the weights
    before it, left nothing to measure.
    """
    with quiet():
        interpreter = Interpreter(model_content=content)
    written = {index for operator in interpreter._get_ops_details() for index in operator["outputs"]}
    written |= {tensor["index"] for tensor in interpreter.get_input_details()}
    for tensor in interpreter.get_tensor_details():
        bits = 8 * np.dtype(tensor["dtype"]).itemsize
        if tensor["index"] not in written or bits > 16 or not np.issubdtype(tensor["dtype"], np.integer):
            continue
        scales = tensor["quantization_parameters"]["scales"]
        least = LEAST_SCALE if bits == 8 else LEAST_SCALE / 256
        if not (np.isfinite(scales) & (scales >= least)).all():
            raise CheckFailed(
                f"tensor '{tensor['name']}'",
                f"of layer '{layer_of(model, tensor['name'])}' has the scale {scales.min():.2g}, expected at least {least:.2g}:"
                " the calibration pictures give it a single value; calibrate with others, or look at the weights before it",
            )
