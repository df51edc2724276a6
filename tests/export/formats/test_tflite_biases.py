"""Biases that make up for what rounding does to the mean of a channel."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tensorflow.lite.python import schema_py_generated as schema

from export.formats import tflite
from export.formats.tflite import calibrate
from export.formats.tflite_biases import correct_biases, mean_errors
from export.formats.tflite_quantize import quantize, tensors_of, verifying
from export.kind import Kind
from runtime.quiet import quiet

INT8 = Kind("tflite", "int8")


@pytest.fixture(scope="module")
def pictures(keras_model, calibration) -> list[np.ndarray]:
    return list(tflite._values(keras_model, calibration))


@pytest.fixture(scope="module")
def plain(keras_model, calibration) -> bytes:
    """The calibrated model with the biases that Keras trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tflite, "correct_biases", lambda content, *_: content)
        patch.setattr(tflite, "_calibrated", {})
        return calibrate(keras_model, INT8, calibration)


def biases(content: bytes) -> dict[str, np.ndarray]:
    """Of the convolutions and Dense layers, by the name of their output."""
    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    found = {}
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        if model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode() in (3, 4, 9):
            name = graph.Tensors(operator.Outputs(0)).Name().decode()
            found[name] = model.Buffers(graph.Tensors(operator.Inputs(2)).Buffer()).DataAsNumpy().view(np.float32)
    return found


def channel_means(content: bytes, pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Of the outputs of the convolutions and Dense layers, real values, in the order they run."""
    with quiet(1, 2):
        interpreter = Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    layers = [one["outputs"][0] for one in interpreter._get_ops_details() if one["op_name"] in ("CONV_2D", "FULLY_CONNECTED")]
    given = interpreter.get_input_details()[0]
    sums = [0.0] * len(layers)
    for values in pictures:
        scale, zero_point = given["quantization"]
        interpreter.set_tensor(given["index"], np.rint(values / scale + zero_point).astype(given["dtype"]) if scale else values)
        interpreter.invoke()
        for number, index in enumerate(layers):
            scale, zero_point = details[index]["quantization"]
            found = interpreter.get_tensor(index).astype(np.float32)
            found = (found - zero_point) * scale if details[index]["dtype"] is np.int8 else found
            sums[number] += found.reshape(-1, found.shape[-1]).mean(axis=0)
    return [one / len(pictures) for one in sums]


def test_channels_have_on_average_the_values_they_have_in_float(plain: bytes, pictures: list[np.ndarray]) -> None:
    """Of the convolutions; what the pooling rounds before the Dense layer, no bias of that layer's own error makes up for."""
    corrected = correct_biases(plain, pictures)
    exact, before, after = (channel_means(one, pictures) for one in (plain, quantize(plain, "uint8"), quantize(corrected, "uint8")))
    assert len(exact) == 5
    errors = [[np.abs(one[layer] - exact[layer]).mean() for layer in range(4)] for one in (before, after)]
    assert all(less < more for more, less in zip(*errors, strict=True)), errors
    assert sum(errors[1]) < 0.5 * sum(errors[0]), errors


def test_it_is_done_to_what_is_exported(keras_model, calibration, plain: bytes, pictures: list[np.ndarray]) -> None:
    exported, corrected = (
        list(biases(one).values()) for one in (calibrate(keras_model, INT8, calibration), correct_biases(plain, pictures))
    )
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(exported, corrected, strict=True))


def test_layers_left_in_float_keep_their_biases(keras_model, plain: bytes, pictures: list[np.ndarray]) -> None:
    kept = tensors_of(keras_model, plain, [keras_model.layers[-1].name])
    before, after = biases(plain), biases(correct_biases(plain, pictures, kept))
    assert [name for name in before if np.array_equal(before[name], after[name])] == kept


def test_a_channel_that_is_always_cut_keeps_its_bias(plain: bytes, pictures: list[np.ndarray]) -> None:
    content = bytearray(plain)
    name, values = next(iter(biases(content).items()))
    values[0] = -1000.0
    assert mean_errors(verifying(bytes(content)), pictures)[name][0] == 0
    assert biases(correct_biases(bytes(content), pictures))[name][0] == -1000.0
