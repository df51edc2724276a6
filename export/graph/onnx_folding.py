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
    name_nodes(folded.graph)  # ONNX Runtime gives the parts of an operator one name, or none
    return folded


def name_nodes(graph: onnx.GraphProto) -> None:
    """Gives each node a name of its own, in place: its old one if that is unique."""
    seen = {node.name for node in graph.node}
    used: set[str] = set()
    for number, node in enumerate(graph.node):
        if not node.name or node.name in used:
            name = f"{node.name or node.op_type}_{number}"
            node.name = name if name not in seen else f"{name}_again"
        used.add(node.name)
