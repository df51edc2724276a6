"""Converts a Keras model to an ONNX graph that is ready to quantize, and adds the image input.

The graph has its normalizations folded, one Transpose at its head and standard operators only.
"""

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

from runtime.backends.onnxruntime import LOG_NOTHING_BUT_FATAL

OPSET = 17
"""The highest operator set before 18, whose reductions tf2onnx 1.17 writes in another form. ONNX
Runtime reads it from 1.12 on."""
IR_VERSION = 8
"""The lowest IR version that may hold OPSET (onnx.helper.VERSION_TABLE)."""
INPUT = "pixels"
WHITE = "white"
PLANES = f"{INPUT}_planes"
"""The image after the Transpose: (batch, channels, height, width), as convolutions take it."""
REAL_PLANES = f"{PLANES}_real"


class ConvertedGraph(NamedTuple):
    """Holds a graph, and what the user of the file should know about it."""

    model: onnx.ModelProto
    warnings: tuple[str, ...] = ()


def keras_to_onnx(
    model: keras.Model, dtype: tf.DType, batch: int, scratch: Path
) -> onnx.ModelProto:
    """Returns the graph of `model` on planes INPUT, with its BatchNorms folded.

    The planes are (batch, channels, height, width).

    Args:
        model: float (batch, height, width, channels) -> (batch, classes).
        dtype: of the input; the first node casts it to float32 if it is another type.
        batch: images a call.
        scratch: a folder for intermediate files.
    """

    def function(pixels: tf.Tensor) -> tf.Tensor:
        return model(tf.cast(pixels, tf.float32), training=False)

    # tf2onnx numbers its names from here and optimizes in their order: the same for every model.
    tf2onnx.utils.INTERNAL_NAME = 1
    signature = [tf.TensorSpec((batch, *model.input_shape[1:]), dtype, name=INPUT)]
    converted, _ = tf2onnx.convert.from_function(
        tf.function(function), signature, opset=OPSET, inputs_as_nchw=[f"{INPUT}:0"]
    )
    path = scratch / "body.onnx"
    onnx.save(converted, path)
    # This folds the BatchNorms beside depthwise convolutions, which tf2onnx leaves.
    quant_pre_process(path, path, skip_symbolic_shape=True)
    prepared: onnx.ModelProto = onnx.load(path)
    _drop_reshape_of_grey(prepared)
    return prepared


def _drop_reshape_of_grey(model: onnx.ModelProto) -> None:
    """Drops, in place, a Reshape of the planes INPUT to the shape that they have.

    tf2onnx turns a Transpose of one channel into a Reshape, and two of them into such a one.
    """
    graph = model.graph
    shapes = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    planes = [side.dim_value for side in graph.input[0].type.tensor_type.shape.dim]
    for node in list(graph.node):
        same = node.op_type == "Reshape" and node.input[0] == INPUT
        if same and list(shapes.get(node.input[1], ())) == planes:
            graph.node.remove(node)
            for reader in graph.node:
                reader.input[:] = [
                    INPUT if name == node.output[0] else name for name in reader.input
                ]


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
    model.ir_version = IR_VERSION


def _all_nodes(graph: Any) -> list[Any]:
    """Returns the nodes of a graph and of the graphs in their attributes."""
    nodes = list(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            nodes += _all_nodes(attribute.g) if attribute.HasField("g") else []
    return nodes
