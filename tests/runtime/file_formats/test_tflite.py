"""Tests the TFLite reader against TensorFlow Lite's schema and on a real file."""

from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from runtime.file_formats.tflite import (
    ACTIVATIONS,
    PASSING,
    read_metadata_buffer,
    read_output_activation,
)
from runtime.file_formats.tflite_metadata import read_tflite_metadata

Codes = schema.BuiltinOperator


def test_codes_are_those_of_the_schema() -> None:
    assert ACTIVATIONS == {Codes.SOFTMAX: "softmax", Codes.LOGISTIC: "sigmoid"}
    names = ("DEQUANTIZE", "RESHAPE", "TRANSPOSE", "SQUEEZE", "CAST", "EXPAND_DIMS", "QUANTIZE")
    assert {getattr(Codes, name) for name in names} == PASSING


def test_exported_file_is_read(exported: Path) -> None:
    content = (exported / "model.int8.tflite").read_bytes()
    assert read_output_activation(content) == "softmax"
    assert read_metadata_buffer(content, "TFLITE_METADATA")[4:8] == b"M001"
    assert read_metadata_buffer(content, "NOTHING") == b""
    found = read_tflite_metadata(content)
    assert found.labels_file == "labels.txt"
    assert len(found.mean) == len(found.std) == 1


def test_cut_content_has_no_activation_and_no_metadata(exported: Path) -> None:
    content = (exported / "model.int8.tflite").read_bytes()
    for end in (0, 4, 8, 40, 200):
        assert read_output_activation(content[:end]) == "other"
        assert read_metadata_buffer(content[:end], "TFLITE_METADATA") == b""
        assert read_tflite_metadata(content[:end]) is None
