"""Cuts the ranges of a TFLite model's tensors before quantization, and checks them after it."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from export.formats.tflite.quantize import layer_of
from runtime.errors import CheckFailed
from runtime.system.terminal import quiet

PERCENTILE = 99.99
"""Each end of a range is cut where this share of the values lies on the inner side."""
MAX_SAMPLES = 65536
"""Values that are counted of one tensor of one image, evenly spread over it."""
BINS = 4096
MIN_SCALE = 1e-6
"""A uint8 tensor with a smaller scale spans less than 0.00026, so it was constant when measured."""


def cut_ranges(calibrated: bytes, inputs: Iterable[NDArray[np.float32]]) -> bytes:
    """Returns the calibrated model with each tensor's range cut at the 99.99th percentile.

    The values come from `inputs`, (1, height, width, channels) each. Values outside the new range
    will be clipped, and all others get finer steps. The range of the input stays, so that the raw
    pixel stays the quantized input.
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
    ranges: dict[int, Any] = {}
    for index in _written_tensors(interpreter):
        measured = graph.Tensors(index).Quantization()
        if measured is not None and measured.MaxLength():
            ranges[index] = measured
    counts = {index: np.zeros(BINS) for index in ranges}
    for values in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
        interpreter.invoke()
        for index, measured in ranges.items():
            flat = interpreter.get_tensor(index).reshape(-1)
            samples = flat[:: 1 + flat.size // MAX_SAMPLES]
            counts[index] += np.histogram(samples, BINS, (measured.Min(0), measured.Max(0)))[0]
    for index, measured in ranges.items():
        edges = np.linspace(measured.Min(0), measured.Max(0), BINS + 1)
        below = np.cumsum(counts[index]) / max(1.0, counts[index].sum())
        first, last = np.searchsorted(below, (1 - PERCENTILE / 100, PERCENTILE / 100))
        measured.MinAsNumpy()[0] = min(0.0, edges[first])
        measured.MaxAsNumpy()[0] = max(0.0, edges[min(last + 1, BINS)])
    return bytes(content)


def check_ranges(content: bytes, model: keras.Model) -> None:
    """Checks that each activation of a quantized model has a usable range.

    Raises:
        CheckFailed: a scale in 8 bits is below 1e-6 (or the same range in 16 bits), or it is not
            finite: the calibration images, or the weights before the tensor, left nothing to
            measure. Names tensor and layer.
    """
    with quiet():
        interpreter = Interpreter(model_content=content)
    activations = _written_tensors(interpreter)
    activations |= {tensor["index"] for tensor in interpreter.get_input_details()}
    for tensor in interpreter.get_tensor_details():
        bits = 8 * np.dtype(tensor["dtype"]).itemsize
        is_integer = np.issubdtype(tensor["dtype"], np.integer)
        if tensor["index"] not in activations or bits > 16 or not is_integer:
            continue
        scales = tensor["quantization_parameters"]["scales"]
        minimum = MIN_SCALE if bits == 8 else MIN_SCALE / 256
        if not (np.isfinite(scales) & (scales >= minimum)).all():
            raise CheckFailed(
                f"tensor '{tensor['name']}'",
                f"of layer '{layer_of(model, tensor['name'])}' has the scale {scales.min():.2g},"
                f" expected at least {minimum:.2g}: it has one value for all calibration images;"
                " calibrate with others, or check the weights before it",
            )


def _written_tensors(interpreter: Interpreter) -> set[int]:
    """Returns the indices of the tensors that operators write."""
    return {index for operator in interpreter._get_ops_details() for index in operator["outputs"]}
