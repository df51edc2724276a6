"""Writes the error of each layer as node data, which Google's Model Explorer shows on the graph.

The format is that of `GraphNodeData` in the package ai-edge-model-explorer. A node of a `.tflite`
file is named by its output tensor, one of an `.onnx` file (adapter model-explorer-onnx) by itself.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from export.formats.layer_error import LayerError
from runtime.file_formats.flatbuffer import tables, text
from runtime.file_formats.tflite import read_tflite_graph
from runtime.system.lazy_loading import requires_extra

TFLITE_TENSORS, TENSOR_NAME = 0, 3
"""Numbers of fields in TensorFlow Lite's schema.fbs."""
GRADIENT = ({"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#d03030"})


def layer_overlay(model: Path, layers: Sequence[LayerError]) -> str:
    """Returns the node data as JSON: the part of its signal, 0..1, that each operator loses.

    Args:
        model: the file that was measured.
        layers: the most damaged first; of several operators in one layer each gets its worst.
    """
    content = model.read_bytes()
    lost = _of_onnx(content, layers) if model.suffix == ".onnx" else _of_tflite(content, layers)
    results = {name: {"value": round(value, 4)} for name, value in lost.items()}
    return json.dumps({"name": "signal lost", "results": results, "gradient": GRADIENT})


def _of_tflite(content: bytes, layers: Sequence[LayerError]) -> dict[str, float]:
    """Returns what operators lose by their output tensor, whose name contains the layer's."""
    graph = read_tflite_graph(content)
    tensors = list(tables(content, graph.table, TFLITE_TENSORS))
    names = [text(content, tensors[number], TENSOR_NAME) for number in graph.operators]
    lost: dict[str, float] = {}
    for error in reversed(layers):
        pattern = re.compile(rf"(?:^|[/;]){re.escape(error.layer)}(?:_\d+)?(?:[/;]|$)")
        lost |= {name: error.lost for name in names if pattern.search(name)}
    return lost


def _of_onnx(content: bytes, layers: Sequence[LayerError]) -> dict[str, float]:
    """Returns what nodes lose by their name.

    Nodes have other names in the file than their maker gave them, so a node is found by its
    operator and the scale of its output.
    """
    with requires_extra("export"):
        import onnx
    graph = onnx.load_from_string(content).graph
    stored = {weight.name: weight for weight in graph.initializer}
    scales = {
        node.input[0]: float(onnx.numpy_helper.to_array(stored[node.input[1]]).reshape(-1)[0])
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.input[1] in stored
    }
    errors = {(error.operator, error.scale): error.lost for error in reversed(layers)}
    found = {node.name: (node.op_type, scales.get(node.output[0], 0.0)) for node in graph.node}
    return {name: errors[key] for name, key in found.items() if key in errors}
