"""Folds the constants of ONNX graphs."""

from pathlib import Path

import onnx
from onnxruntime.quantization.shape_inference import quant_pre_process


def fold(model: onnx.ModelProto, scratch: Path) -> onnx.ModelProto:
    """Returns the graph with constants computed, BatchNorms folded, and the shapes of all values.

    `scratch` is a folder for intermediate files.
    """
    path = scratch / "body.onnx"
    onnx.save(model, path)
    quant_pre_process(path, path, skip_symbolic_shape=True)
    folded: onnx.ModelProto = onnx.load(path)
    return folded
