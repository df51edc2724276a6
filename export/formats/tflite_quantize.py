"""From a calibrated TFLite model, float with the range of every tensor in it, to int8: as a whole, or with some layers left in float."""

import re
from collections.abc import Collection

import keras
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python.convert import deduplicate_readonly_buffers, mlir_quantize
from tensorflow.lite.python.convert_phase import ConverterError

from export.kind import Io
from runtime.errors import InputRefused
from runtime.quiet import quiet


def quantize(calibrated: bytes, io: Io, float_tensors: Collection[str] = ()) -> bytes:
    """The model in int8, its input and output of type `io`; operators whose output is in `float_tensors` stay in float.

    Raises:
        InputRefused: TensorFlow's quantizer cannot.
    """
    dtype = tf.dtypes.as_dtype(io)
    try:
        with quiet(1, 2):
            content = mlir_quantize(
                calibrated, input_data_type=dtype, output_data_type=dtype, denylisted_nodes=sorted(float_tensors) or None
            )
            return bytes(deduplicate_readonly_buffers(content))
    except (RuntimeError, ValueError, ConverterError) as error:
        raise InputRefused("model", f"TFLite's quantizer refused it: {' '.join(str(error).split())[:300]}") from error


def verifying(calibrated: bytes, float_tensors: Collection[str] = ()) -> bytes:
    """The same, in float at both ends, with an operator beside each quantized one that compares it with the float one."""
    with quiet(1, 2):
        return bytes(mlir_quantize(calibrated, enable_numeric_verify=True, denylisted_nodes=sorted(float_tensors) or None))


def tensors_of(model: keras.Model, calibrated: bytes, names: Collection[str]) -> list[str]:
    """The output tensors of the operators that the Keras layers `names` became.

    Raises:
        InputRefused: the model has no such layer, or it is part of another's operator (as BatchNorm and ReLU are).
    """
    found = {tensor: layer_of(model, tensor) for tensor in output_tensors(calibrated)}
    for name in names:
        if name not in found.values():
            known = ", ".join(dict.fromkeys(found.values()))
            raise InputRefused("--float-layers", f"no operator of its own comes from a layer {name!r}; there are {known}")
    return [tensor for tensor, layer in found.items() if layer in names]


def output_tensors(content: bytes) -> list[str]:
    """The names of the tensors that operators of a TFLite model write, in the order they run."""
    with quiet():
        interpreter = Interpreter(model_content=content)
    names = {tensor["index"]: tensor["name"] for tensor in interpreter.get_tensor_details()}
    return [names[index] for operator in interpreter._get_ops_details() for index in operator["outputs"] if index in names]


def layer_of(model: keras.Model, tensor: str) -> str:
    """The Keras layer that a fused operator's tensor name speaks of: the one with a kernel, if there is one, else the name itself."""
    parts = [part for text in re.split("[/;]", tensor) for part in (re.sub(r"_\d+$", "", text), text)]
    layers = {layer.name: layer for layer in model.layers}
    named = [layers[part] for part in parts if part in layers]
    with_kernel = [layer for layer in named if any(weight.name == "kernel" for weight in layer.weights)]
    return next((layer.name for layer in with_kernel + named), tensor)
