"""Quantizes a calibrated TFLite model to int8, as a whole or with some layers left in float.

A calibrated model is in float and holds the range of every tensor.
"""

import re
from collections.abc import Collection

import keras
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python.convert import deduplicate_readonly_buffers, mlir_quantize
from tensorflow.lite.python.convert_phase import ConverterError

from runtime.errors import InputRefused
from runtime.system.terminal import quiet

CALLS = ("StatefulPartitionedCall", "PartitionedCall")
KERNEL_OPERATOR = re.compile("conv|depthwise|matmul|tensordot|einsum", re.IGNORECASE)


def quantize_model(
    calibrated: bytes, input_dtype: str, float_tensors: Collection[str] = (), output_dtype: str = ""
) -> bytes:
    """Returns the model in int8, with an input of `input_dtype` and an output of `output_dtype`.

    The output has the dtype of the input if none is stated. Operators whose output is in
    `float_tensors` stay in float.

    Raises:
        InputRefused: TensorFlow's quantizer cannot quantize it.
    """
    try:
        with quiet(1, 2):
            content = mlir_quantize(
                calibrated,
                input_data_type=tf.dtypes.as_dtype(input_dtype),
                output_data_type=tf.dtypes.as_dtype(output_dtype or input_dtype),
                denylisted_nodes=sorted(float_tensors) or None,
            )
            return bytes(deduplicate_readonly_buffers(content))
    except (RuntimeError, ValueError, ConverterError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputRefused("model", f"TFLite's quantizer refused it: {reason}") from error


def with_verify_operators(calibrated: bytes, float_tensors: Collection[str] = ()) -> bytes:
    """Returns the model in int8 with operators that compare it with the float model.

    Each quantized operator gets a float one and a NumericVerify; input and output are in float.
    """
    with quiet(1, 2):
        return bytes(
            mlir_quantize(
                calibrated,
                enable_numeric_verify=True,
                denylisted_nodes=sorted(float_tensors) or None,
            )
        )


def tensors_of_layers(model: keras.Model, calibrated: bytes, names: Collection[str]) -> list[str]:
    """Returns the output tensors of the operators that the Keras layers `names` became.

    Raises:
        InputRefused: the model has no such layer, or the layer is part of another's operator, as
            BatchNorm and ReLU are.
    """
    layers = {tensor: layer_of(model, tensor) for tensor in output_tensors(calibrated)}
    for name in names:
        if name not in layers.values():
            available = ", ".join(dict.fromkeys(layers.values()))
            raise InputRefused(
                "--float-layers",
                f"no operator comes from a layer {name!r} alone; expected some of {available}",
            )
    return [tensor for tensor, layer in layers.items() if layer in names]


def output_tensors(content: bytes) -> list[str]:
    """Returns the names of the tensors that operators write, in the order they run."""
    with quiet():
        interpreter = Interpreter(model_content=content)
    names = {tensor["index"]: tensor["name"] for tensor in interpreter.get_tensor_details()}
    return [
        names[index]
        for operator in interpreter._get_ops_details()
        for index in operator["outputs"]
        if index in names
    ]


def layer_of(model: keras.Model, tensor: str) -> str:
    """Returns the Keras layer that the tensor name of a fused operator contains.

    A layer with a kernel comes first. Without any layer it is the name itself. A SavedModel is one
    layer to Keras, so there it is the name scope of the operator, which is the path of the layer
    that made it.
    """
    layers = {layer.name: layer for layer in model.layers}
    named = []
    for part in re.split("[/;]", tensor):
        for name in (re.sub(r"_\d+$", "", part), part):
            if name in layers:
                named.append(layers[name])
    with_kernel = [layer for layer in named if _has_kernel(layer)]
    layer = next(iter(with_kernel + named), None)
    if getattr(layer, "holds_graph", False):
        return _scope_of(tensor)
    return layer.name if layer else tensor


def _scope_of(tensor: str) -> str:
    """Returns the scope of the operator with a kernel, or else of the first one, in a tensor name.

    An operator without a scope stands for itself. Calls of functions are left out.
    """
    paths = [[name for name in part.split("/") if name not in CALLS] for part in tensor.split(";")]
    path = next((path for path in paths if KERNEL_OPERATOR.match(path[-1])), paths[0])
    return "/".join(path[:-1] or path)


def _has_kernel(layer: keras.layers.Layer) -> bool:
    return any(weight.name == "kernel" for weight in layer.weights)
