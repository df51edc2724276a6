"""Checks that corrected biases compensate for the mean error of rounding in each channel."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tensorflow.lite.python import schema_py_generated as schema

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite import calibrate as calibrate_module
from export.formats.tflite.bias_correction import correct_biases, mean_errors
from export.formats.tflite.calibrate import calibrate, model_inputs
from export.formats.tflite.float_scores import score_tensors
from export.formats.tflite.quantize import quantize_model, tensors_of_layers
from runtime.system.terminal import quiet

INT8 = ArtifactSpec("tflite", "int8")


@pytest.fixture(scope="module")
def images(seeded_model, calibration) -> list[np.ndarray]:
    return list(model_inputs(seeded_model, calibration))


@pytest.fixture(scope="module")
def plain(seeded_model, calibration) -> bytes:
    """Returns the calibrated model with the biases that Keras trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate_module, "correct_biases", lambda content, *_: content)
        patch.setattr(calibrate_module, "_calibrated", {})
        return calibrate(seeded_model, INT8, calibration)


def biases(content: bytes) -> dict[str, np.ndarray]:
    """Returns the biases of convolutions and Dense layers, by the name of their output."""
    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    by_name = {}
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        if model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode() in (3, 4, 9):
            name = graph.Tensors(operator.Outputs(0)).Name().decode()
            buffer = model.Buffers(graph.Tensors(operator.Inputs(2)).Buffer())
            by_name[name] = buffer.DataAsNumpy().view(np.float32)
    return by_name


def channel_means(content: bytes, images: list[np.ndarray]) -> list[np.ndarray]:
    """Returns the mean real outputs of convolutions and Dense layers, in the order they run."""
    with quiet(1, 2):
        interpreter = Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    layers = [
        operator["outputs"][0]
        for operator in interpreter._get_ops_details()
        if operator["op_name"] in ("CONV_2D", "FULLY_CONNECTED")
    ]
    model_input = interpreter.get_input_details()[0]
    sums = [0.0] * len(layers)
    for values in images:
        scale, zero_point = model_input["quantization"]
        if scale:
            values = np.rint(values / scale + zero_point).astype(model_input["dtype"])
        interpreter.set_tensor(model_input["index"], values)
        interpreter.invoke()
        for number, index in enumerate(layers):
            scale, zero_point = details[index]["quantization"]
            output = interpreter.get_tensor(index).astype(np.float32)
            if details[index]["dtype"] is np.int8:
                output = (output - zero_point) * scale
            sums[number] += output.reshape(-1, output.shape[-1]).mean(axis=0)
    return [total / len(images) for total in sums]


def test_the_mean_of_a_channel_is_nearer_to_its_float_value(
    plain: bytes, images: list[np.ndarray]
) -> None:
    """Only convolutions are compared.

    The pooling before the Dense layer rounds too, and the Dense layer's bias does not correct that.
    """
    corrected = correct_biases(plain, mean_errors(plain, images))
    exact, before, after = (
        channel_means(content, images)
        for content in (plain, quantize_model(plain, "uint8"), quantize_model(corrected, "uint8"))
    )
    assert len(exact) == 5
    errors = [
        [np.abs(means[layer] - exact[layer]).mean() for layer in range(4)]
        for means in (before, after)
    ]
    assert all(less < more for more, less in zip(*errors, strict=True)), errors
    assert sum(errors[1]) < 0.5 * sum(errors[0]), errors


def test_exported_biases_are_corrected(
    seeded_model, calibration, plain: bytes, images: list[np.ndarray]
) -> None:
    in_float = score_tensors(plain)
    assert len(in_float) == 2
    exported, corrected = (
        list(biases(content).values())
        for content in (
            calibrate(seeded_model, INT8, calibration),
            correct_biases(plain, mean_errors(plain, images, in_float), in_float),
        )
    )
    for pair in zip(exported, corrected, strict=True):
        np.testing.assert_allclose(*pair, atol=1e-6)


def test_layers_left_in_float_keep_their_biases(
    seeded_model, plain: bytes, images: list[np.ndarray]
) -> None:
    kept = tensors_of_layers(seeded_model, plain, [seeded_model.layers[-1].name])
    before, after = biases(plain), biases(correct_biases(plain, mean_errors(plain, images), kept))
    assert [name for name in before if np.array_equal(before[name], after[name])] == kept


def test_a_channel_whose_values_are_always_cut_keeps_its_bias(
    plain: bytes, images: list[np.ndarray]
) -> None:
    content = bytearray(plain)
    name, values = next(iter(biases(content).items()))
    values[0] = -1000.0
    assert mean_errors(bytes(content), images)[name][0] == 0
    assert (
        biases(correct_biases(bytes(content), mean_errors(bytes(content), images)))[name][0]
        == -1000.0
    )


def test_a_step_of_auto_does_not_measure_the_biases_again(
    seeded_model, calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    int8 = biases(calibrate(seeded_model, INT8, calibration))
    monkeypatch.delattr(calibrate_module, "mean_errors")
    layer = seeded_model.layers[4].name
    spec = ArtifactSpec("tflite", "mixed", float_layers=(layer,))
    mixed = biases(calibrate(seeded_model, spec, calibration))
    same = [np.array_equal(int8[name], mixed[name]) for name in int8]
    assert same.count(False) == 1, "only the layer in float keeps the bias that Keras trained"
