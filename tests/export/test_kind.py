"""export.kind: names of files, and combinations that no converter makes."""

import pytest

from export.kind import Kind
from runtime.errors import InputRefused


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        (Kind("tflite", "int8"), "model.int8.tflite"),
        (Kind("tflite", "int8", io="int8"), "model.int8-io.tflite"),
        (Kind("onnx", "fp32", io="float"), "model.fp32-float-io.onnx"),
        (Kind("onnx", "int8", batch=4), "model.int8-batch4.onnx"),
    ],
)
def test_kinds_that_can_stand_in_one_bundle_have_files_of_their_own(kind: Kind, file: str) -> None:
    assert kind.file == file


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"format": "tflite", "precision": "int8", "batch": 2}, r"--batch: a \.tflite file takes one picture a call"),
        ({"format": "onnx", "precision": "int8", "batch": 0}, "--batch: expected a number of pictures from 1 to 1024, found 0"),
        ({"format": "tflite", "precision": "fp32", "io": "int8"}, r"--io: int8 is for \.tflite files of precision int8, not for fp32"),
        ({"format": "onnx", "precision": "int8", "io": "int8"}, r"--io: int8 is for \.tflite files"),
        ({"format": "tflite", "precision": "int8", "io": "float"}, r"--io: float is for \.onnx files, not for \.tflite"),
    ],
)
def test_what_no_converter_makes_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputRefused, match=message):
        Kind(**wrong)


def test_kinds_that_differ_in_their_targets_are_one_kind() -> None:
    assert Kind("onnx", "fp32", targets=("onnxruntime==1.16",)) == Kind("onnx", "fp32")
