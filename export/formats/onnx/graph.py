"""Adds the image input to an ONNX graph, and what else the graphs of every precision share."""

from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from runtime.backends.onnxruntime import LOG_NOTHING_BUT_FATAL

IR_VERSION = 8
"""The lowest IR version of a file; a newer operator set needs a newer one."""
FIRST_WITH_AXES_AS_INPUT = 18
"""The operator set from which on reductions take their axes as an input."""
INPUT = "pixels"
WHITE = "white"
IN_FLOAT = "quince/"
"""Begins the names of nodes that stay in float: normalization, and scores to probabilities."""
PLANES = f"{INPUT}_planes"
"""The image after the Transpose: (batch, channels, height, width), as convolutions take it."""
REAL_PLANES = f"{PLANES}_real"


class ConvertedGraph(NamedTuple):
    """Holds a graph, and what the user of the file should know about it."""

    model: onnx.ModelProto
    warnings: tuple[str, ...] = ()


def quantizes_input(model: onnx.ModelProto) -> bool:
    """Whether the pixels of a quantized `model` can be its quantized input."""
    return any(
        node.op_type == "QuantizeLinear" and node.input[0] == INPUT for node in model.graph.node
    )


def cpu_session(content: bytes) -> onnxruntime.InferenceSession:
    """Opens a model on the CPU, with a log of fatal errors only."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_NOTHING_BUT_FATAL
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def add_image_input(model: onnx.ModelProto, *, floats: bool = False) -> None:
    """Replaces the planes that `model` takes, in place, by an image INPUT.

    New nodes convert the image to planes. The image is raw pixels (batch, height, width, channels)
    uint8, and a Transpose makes the planes. With `floats` it is planes (batch, channels, height,
    width) in 0..1, which are multiplied by 255 and rounded. A QuantizeLinear of the planes is
    dropped, because the pixels are what it would compute. Planes of real values without such a node
    get a Cast.
    """
    graph = model.graph
    (planes,) = graph.input
    quantizers = [
        node
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] == planes.name
    ]
    replaced = {planes.name, *(node.output[0] for node in quantizers)}
    takes_real = not quantizers and planes.type.tensor_type.elem_type == TensorProto.FLOAT
    for node in quantizers:
        graph.node.remove(node)
    new_name = REAL_PLANES if takes_real else PLANES
    for node in graph.node:
        node.input[:] = [new_name if name in replaced else name for name in node.input]
    batch, channels, height, width = (side.dim_value for side in planes.type.tensor_type.shape.dim)
    if floats:
        graph.initializer.append(numpy_helper.from_array(np.array(255, np.float32), WHITE))
        scaled, rounded = f"{INPUT}_scaled", f"{INPUT}_rounded"
        nodes = [
            helper.make_node("Mul", [INPUT, WHITE], [scaled]),
            helper.make_node("Round", [scaled], [rounded]),
            helper.make_node("Cast", [rounded], [PLANES], to=TensorProto.UINT8),
        ]
        dtype, shape = TensorProto.FLOAT, [batch, channels, height, width]
    else:
        nodes = [helper.make_node("Transpose", [INPUT], [PLANES], perm=[0, 3, 1, 2])]
        dtype, shape = TensorProto.UINT8, [batch, height, width, channels]
    if takes_real:
        nodes.append(helper.make_node("Cast", [PLANES], [REAL_PLANES], to=TensorProto.FLOAT))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    planes.CopyFrom(helper.make_tensor_value_info(INPUT, dtype, shape))


def drop_unused(model: onnx.ModelProto) -> None:
    """Drops unused operator sets and weights, in place, and sets IR_VERSION.

    ONNX Runtime's quantizer lists all operator sets that it knows.
    """
    domains = {node.domain for node in _all_nodes(model.graph)} | {""}
    kept = [entry for entry in model.opset_import if entry.domain in domains]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    used = {name for node in model.graph.node for name in node.input}
    for weight in [weight for weight in model.graph.initializer if weight.name not in used]:
        model.graph.initializer.remove(weight)
    model.ir_version = max(IR_VERSION, helper.find_min_ir_version_for(model.opset_import))


def add_reduction(
    model: onnx.ModelProto, operator: str, value: str, output: str, axes: list[int], *, keep: bool
) -> None:
    """Adds a node such as ReduceMean over some axes, in the form of the model's operator set."""
    inputs, attributes = [value], {"axes": axes}
    if opset_of(model) >= FIRST_WITH_AXES_AS_INPUT:
        inputs, attributes = [value, f"{output}/axes"], {}
        stored = numpy_helper.from_array(np.array(axes, np.int64), inputs[1])
        model.graph.initializer.append(stored)
    node = helper.make_node(operator, inputs, [output], output, keepdims=int(keep), **attributes)
    model.graph.node.append(node)


def opset_of(model: onnx.ModelProto) -> int:
    """Returns the version of the model's standard operator set."""
    return int(next(entry.version for entry in model.opset_import if entry.domain == ""))


def _all_nodes(graph: Any) -> list[Any]:
    """Returns the nodes of a graph and of the graphs in their attributes."""
    nodes = list(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            nodes += _all_nodes(attribute.g) if attribute.HasField("g") else []
    return nodes
