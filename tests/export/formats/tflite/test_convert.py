"""Checks the contents of exported .tflite files with the interpreter and with zipfile."""

import json
import time
import zipfile
from io import BytesIO

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert


@pytest.fixture(scope="module")
def int8(keras_model, calibration, manifest) -> bytes:
    return convert(keras_model, ArtifactSpec("tflite", "int8"), calibration, manifest).content


@pytest.fixture(scope="module")
def fp32(keras_model, calibration, manifest) -> bytes:
    return convert(keras_model, ArtifactSpec("tflite", "fp32"), calibration[:0], manifest).content


def ops(content: bytes) -> list[str]:
    operators = Interpreter(model_content=content)._get_ops_details()
    names = [operator["op_name"] for operator in operators]
    return [name for name in names if name != "DELEGATE"]


def test_raw_pixel_is_the_quantized_input(int8: bytes) -> None:
    (details,) = Interpreter(model_content=int8).get_input_details()
    assert details["dtype"] is np.uint8
    assert list(details["shape"]) == [1, 64, 64, 3]
    assert details["quantization"] == (1 / 128, 127)


def test_no_arithmetic_of_the_normalization_is_left_in_int8(int8: bytes) -> None:
    names = ops(int8)
    assert "CONV_2D" in names
    assert not {"MUL", "ADD", "SUB", "CAST"} & set(names)


def test_int8_is_integers_up_to_the_scores(int8: bytes) -> None:
    assert ops(int8)[-3:] == ["DEQUANTIZE", "FULLY_CONNECTED", "SOFTMAX"]
    assert "DEQUANTIZE" not in ops(int8)[:-3]
    (output,) = Interpreter(model_content=int8).get_output_details()
    assert output["dtype"] is np.float32


def test_int8_in_and_out_is_integers_from_end_to_end(keras_model, calibration, manifest) -> None:
    """Microcontrollers and the Edge TPU have no floats."""
    spec = ArtifactSpec("tflite", "int8", io="int8")
    content = convert(keras_model, spec, calibration, manifest).content
    tensors = Interpreter(model_content=content).get_tensor_details()
    assert not {np.float32, np.float16} & {tensor["dtype"] for tensor in tensors}


def test_int8_is_quantized_per_channel(int8: bytes) -> None:
    scales = [
        tensor["quantization_parameters"]["scales"]
        for tensor in Interpreter(model_content=int8).get_tensor_details()
    ]
    assert max(len(scale) for scale in scales) == 48


def test_fp32_takes_raw_pixels_too_and_gives_keras_scores(
    fp32: bytes, keras_model, calibration
) -> None:
    interpreter = Interpreter(model_content=fp32)
    interpreter.allocate_tensors()
    (details,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert details["dtype"] is np.uint8
    interpreter.set_tensor(details["index"], calibration[:1])
    interpreter.invoke()
    expected = keras_model.predict_on_batch(calibration[:1].astype(np.float32))
    np.testing.assert_allclose(interpreter.get_tensor(output["index"]), expected, atol=1e-5)


def test_labels_and_manifest_are_in_the_appended_zip(int8: bytes, manifest) -> None:
    with zipfile.ZipFile(BytesIO(int8)) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list(manifest.labels)
        assert json.loads(archive.read("quince.json"))["preprocessing"] == {
            "height": 64,
            "width": 64,
            "fit": "crop",
        }


def test_a_model_without_normalization_takes_raw_pixels_too(calibration, manifest) -> None:
    inputs = keras.Input((64, 64, 3))
    model = keras.Model(
        inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(inputs))
    )
    (details,) = Interpreter(
        model_content=convert(model, ArtifactSpec("tflite", "int8"), calibration, manifest).content
    ).get_input_details()
    assert (details["dtype"], details["quantization"]) == (np.uint8, (1.0, 0))


def test_a_clock_at_1970_changes_nothing(
    fp32: bytes, keras_model, calibration, manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device without a clock starts there (FAULTS E20); a zip holds no date before 1980."""
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert (
        convert(keras_model, ArtifactSpec("tflite", "fp32"), calibration[:0], manifest).content
        == fp32
    )


def test_int8_in_takes_the_pixel_less_128_and_gives_the_scores_in_256ths(
    keras_model, calibration, manifest, int8: bytes
) -> None:
    spec = ArtifactSpec("tflite", "int8", io="int8")
    content = convert(keras_model, spec, calibration, manifest).content
    interpreter = Interpreter(model_content=content)
    (model_input,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (model_input["dtype"], model_input["quantization"]) == (np.int8, (1 / 128, -1))
    assert (output["dtype"], output["quantization"]) == (np.int8, (1 / 256, -128))
    pixels = (calibration.astype(int) - 128).astype(np.int8)
    scores = (answers(content, pixels).astype(int) + 128) / 256
    assert np.abs(scores - answers(int8, calibration)).max() < 0.05


def answers(content: bytes, images: np.ndarray) -> np.ndarray:
    """Returns the output of a file for each image, (n, classes)."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (model_input,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for image in images:
        interpreter.set_tensor(model_input["index"], image[np.newaxis])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(output["index"])[0])
    return np.stack(rows)
