"""Keras -> an ONNX graph that is ready to quantize: normalisations folded, one Transpose at its head, nothing but standard operators."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

OPSET, IR_VERSION = 17, 8
"""Read by ONNX Runtime from 1.12 on: the highest opset before 18, whose reductions tf2onnx 1.17 writes in another form, and the lowest
IR version that may hold it (onnx.helper.VERSION_TABLE)."""
INPUT = "pixels"
WHITE = "white"
PLANES = f"{INPUT}_planes"
"""The picture after the Transpose: (batch, 3, height, width), as convolutions take it."""
REAL_PLANES = f"{PLANES}_real"


def body(model: keras.Model, dtype: tf.DType, batch: int, scratch: Path) -> onnx.ModelProto:
    """The graph of `model` on an input INPUT of `dtype` in planes (batch, 3, height, width), BatchNorm folded into the convolutions.

    Args:
        model: float (batch, height, width, 3) -> (batch, classes).
        dtype: what the graph takes; cast to float32 by its first node, where it is another.
        batch: pictures a call.
        scratch: a folder for intermediate files.
    """

    def function(pixels: tf.Tensor) -> tf.Tensor:
        return model(tf.cast(pixels, tf.float32), training=False)

    tf2onnx.utils.INTERNAL_NAME = 1  # the number in its names, whose order decides that of its optimizations: the same for every model
    signature = [tf.TensorSpec((batch, *model.input_shape[1:]), dtype, name=INPUT)]
    converted, _ = tf2onnx.convert.from_function(tf.function(function), signature, opset=OPSET, inputs_as_nchw=[f"{INPUT}:0"])
    path = scratch / "body.onnx"
    onnx.save(converted, path)
    quant_pre_process(path, path, skip_symbolic_shape=True)  # folds what tf2onnx leaves of BatchNorm beside depthwise convolutions
    prepared: onnx.ModelProto = onnx.load(path)
    return prepared


def take_pictures(model: onnx.ModelProto, *, floats: bool = False) -> None:
    """Puts before `model`, in place, a Transpose from raw pixels INPUT (batch, height, width, 3) uint8 to the planes it takes.

    With `floats`, what makes the planes of floats (batch, 3, height, width) in 0..1: 255 times as much, rounded. A QuantizeLinear
    that was to make uint8 of the planes goes: they are what it would give. Planes of real values that no such node takes are cast.
    """
    graph = model.graph
    (planes,) = graph.input
    batch, channels, height, width = (one.dim_value for one in planes.type.tensor_type.shape.dim)
    quantizers = [node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == planes.name]
    replaced = {planes.name, *(node.output[0] for node in quantizers)}
    cast = not quantizers and planes.type.tensor_type.elem_type == TensorProto.FLOAT
    for node in quantizers:
        graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [REAL_PLANES if name in replaced and cast else PLANES if name in replaced else name for name in node.input]
    if floats:
        graph.initializer.append(numpy_helper.from_array(np.array(255, np.float32), WHITE))
        scaled = helper.make_node("Mul", [INPUT, WHITE], [f"{INPUT}_scaled"])
        rounded = helper.make_node("Round", [f"{INPUT}_scaled"], [f"{INPUT}_rounded"])
        nodes = [scaled, rounded, helper.make_node("Cast", [f"{INPUT}_rounded"], [PLANES], to=TensorProto.UINT8)]
        value = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [batch, channels, height, width])
    else:
        nodes = [helper.make_node("Transpose", [INPUT], [PLANES], perm=[0, 3, 1, 2])]
        value = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [batch, height, width, channels])
    if cast:
        nodes.append(helper.make_node("Cast", [PLANES], [REAL_PLANES], to=TensorProto.FLOAT))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    planes.CopyFrom(value)


def leave_only_what_is_used(model: onnx.ModelProto) -> None:
    """Drops, in place, the operator sets no node is of (ONNX Runtime lists all it knows), and unused weights; sets IR_VERSION."""
    domains = {node.domain for node in _nodes(model.graph)}
    kept = [entry for entry in model.opset_import if entry.domain in domains | {""}]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    used = {name for node in model.graph.node for name in node.input}
    for weight in [weight for weight in model.graph.initializer if weight.name not in used]:
        model.graph.initializer.remove(weight)
    model.ir_version = IR_VERSION


def _nodes(graph: Any) -> list[Any]:
    nodes = list(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            nodes += _nodes(attribute.g) if attribute.HasField("g") else []
    return nodes
