"""What the exported .tflite files are made of, read with the interpreter and with zipfile."""

import json
import time
import zipfile
from io import BytesIO

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.formats.tflite import convert
from export.kind import Kind


@pytest.fixture(scope="module")
def int8(keras_model, calibration, manifest) -> bytes:
    return convert(keras_model, Kind("tflite", "int8"), calibration, manifest)


@pytest.fixture(scope="module")
def fp32(keras_model, calibration, manifest) -> bytes:
    return convert(keras_model, Kind("tflite", "fp32"), calibration[:0], manifest)


def ops(content: bytes) -> list[str]:
    return [op["op_name"] for op in Interpreter(model_content=content)._get_ops_details() if op["op_name"] != "DELEGATE"]


def test_raw_pixel_is_the_quantized_input(int8: bytes) -> None:
    (details,) = Interpreter(model_content=int8).get_input_details()
    assert details["dtype"] is np.uint8
    assert list(details["shape"]) == [1, 64, 64, 3]
    assert details["quantization"] == (1 / 128, 127)


def test_nothing_is_left_of_the_normalisation_in_int8(int8: bytes) -> None:
    found = ops(int8)
    assert "CONV_2D" in found
    assert not {"MUL", "ADD", "SUB", "CAST"} & set(found)


def test_int8_is_integers_from_end_to_end(int8: bytes) -> None:
    interpreter = Interpreter(model_content=int8)
    dtypes = {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
    assert "float32" not in dtypes
    (output,) = interpreter.get_output_details()
    assert output["dtype"] is np.uint8
    assert output["quantization"] == (1 / 256, 0)


def test_int8_is_quantized_per_channel(int8: bytes) -> None:
    scales = [tensor["quantization_parameters"]["scales"] for tensor in Interpreter(model_content=int8).get_tensor_details()]
    assert max(len(scale) for scale in scales) == 48


def test_fp32_takes_raw_pixels_too_and_gives_keras_scores(fp32: bytes, keras_model, calibration) -> None:
    interpreter = Interpreter(model_content=fp32)
    interpreter.allocate_tensors()
    (details,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert details["dtype"] is np.uint8
    interpreter.set_tensor(details["index"], calibration[:1])
    interpreter.invoke()
    expected = keras_model.predict_on_batch(calibration[:1].astype(np.float32))
    np.testing.assert_allclose(interpreter.get_tensor(output["index"]), expected, atol=1e-5)


def test_labels_and_manifest_lie_in_the_appended_zip(int8: bytes, manifest) -> None:
    with zipfile.ZipFile(BytesIO(int8)) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list(manifest.labels)
        assert json.loads(archive.read("quince.json"))["preprocessing"] == {"height": 64, "width": 64, "fit": "crop"}


def test_a_model_with_no_normalisation_of_its_own_takes_raw_pixels_too(calibration, manifest) -> None:
    inputs = keras.Input((64, 64, 3))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(inputs)))
    (details,) = Interpreter(model_content=convert(model, Kind("tflite", "int8"), calibration, manifest)).get_input_details()
    assert (details["dtype"], details["quantization"]) == (np.uint8, (1.0, 0))


def test_a_clock_at_1970_changes_nothing(fp32: bytes, keras_model, calibration, manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device without a clock begins there (FAULTS E20); a zip file cannot hold a date before 1980."""
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert convert(keras_model, Kind("tflite", "fp32"), calibration[:0], manifest) == fp32


def test_int8_in_and_out_is_the_uint8_file_less_128(keras_model, calibration, manifest) -> None:
    answers = {}
    for io, less in (("uint8", 0), ("int8", 128)):
        interpreter = Interpreter(model_content=convert(keras_model, Kind("tflite", "int8", io=io), calibration, manifest))
        interpreter.allocate_tensors()
        (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
        assert (np.dtype(taken["dtype"]).name, taken["quantization"]) == (io, (1 / 128, 127 - less))
        assert (np.dtype(given["dtype"]).name, given["quantization"]) == (io, (1 / 256, -less))
        values = (calibration.astype(int) - less).astype(taken["dtype"])
        answers[io] = []
        for picture in values:
            interpreter.set_tensor(taken["index"], picture[np.newaxis])
            interpreter.invoke()
            answers[io].append(interpreter.get_tensor(given["index"])[0].astype(int) + less)
    np.testing.assert_array_equal(answers["int8"], answers["uint8"])
