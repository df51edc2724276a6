"""runtime.tflite_file: the numbers of TensorFlow Lite's schema, and what is read off a real file."""

from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from runtime.tflite_file import ENDINGS, PASSING, read_ending, read_metadata_buffer
from runtime.tflite_metadata import read_tflite_metadata

Codes = schema.BuiltinOperator


def test_codes_are_those_of_the_schema() -> None:
    assert ENDINGS == {Codes.SOFTMAX: "softmax", Codes.LOGISTIC: "sigmoid"}
    names = ("DEQUANTIZE", "RESHAPE", "TRANSPOSE", "SQUEEZE", "CAST", "EXPAND_DIMS", "QUANTIZE")
    assert {getattr(Codes, name) for name in names} == PASSING


def test_what_export_wrote_is_read(exported: Path) -> None:
    content = (exported / "model.int8.tflite").read_bytes()
    assert read_ending(content) == "softmax"
    assert read_metadata_buffer(content, "TFLITE_METADATA")[4:8] == b"M001"
    assert read_metadata_buffer(content, "NOTHING") == b""
    found = read_tflite_metadata(content)
    assert found.labels_file == "labels.txt"
    assert len(found.mean) == len(found.std) == 1


def test_cut_content_is_read_as_saying_nothing(exported: Path) -> None:
    content = (exported / "model.int8.tflite").read_bytes()
    for end in (0, 4, 8, 40, 200):
        assert read_ending(content[:end]) == "other"
        assert read_metadata_buffer(content[:end], "TFLITE_METADATA") == b""
        assert read_tflite_metadata(content[:end]) is None
