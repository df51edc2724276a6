"""Tells the precision of a finished model file by its operators and tensors.

The precision decides which difference between two processors `verify` lets pass.
"""

import struct

from runtime.file_formats import onnx, tflite
from runtime.file_formats.flatbuffer import byte, tables

TFLITE_TENSORS, TENSOR_TYPE = 0, 1
FLOAT16, UINT8, INT16, INT8 = 1, 3, 7, 9
"""Numbers of the enum TensorType in TensorFlow Lite's schema.fbs."""
DYNAMIC = {"DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"}
QUANTIZED = {"QuantizeLinear", "DequantizeLinear"}


def find_precision(suffix: str, content: bytes) -> str:
    """Returns "fp32", "fp16", "dynamic", "int8" or "int16x8" for the content of a model file.

    A damaged file counts as fp32.
    """
    return _of_onnx(content) if suffix == ".onnx" else _of_tflite(content)


def _of_onnx(content: bytes) -> str:
    operators = {node.operator for node in onnx.read_onnx_graph(content).nodes}
    if operators & DYNAMIC:
        return "dynamic"
    if operators & QUANTIZED or any(name.startswith("QLinear") for name in operators):
        return "int8"
    return "fp32"


def _of_tflite(content: bytes) -> str:
    try:
        graph = tflite.read_tflite_graph(content)
        types = [
            byte(content, table, TENSOR_TYPE)
            for table in tables(content, graph.table, TFLITE_TENSORS)
        ]
        computed = {types[number] for number in graph.operators}
    except (ValueError, IndexError, struct.error):
        return "fp32"
    if INT16 in computed:
        return "int16x8"
    if computed & {INT8, UINT8}:
        return "int8"
    if INT8 in types:
        return "dynamic"
    return "fp16" if FLOAT16 in types else "fp32"
