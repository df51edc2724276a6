"""Checks the file names of artifact specs, and that combinations no converter makes are refused."""

import pytest

from export.formats.artifact_spec import ArtifactSpec
from runtime.errors import InputRefused


@pytest.mark.parametrize(
    ("spec", "file"),
    [
        (ArtifactSpec("tflite", "int8"), "model.int8.tflite"),
        (ArtifactSpec("tflite", "int8", io="int8"), "model.int8-io.tflite"),
        (ArtifactSpec("onnx", "fp32", io="float"), "model.fp32-float-io.onnx"),
        (ArtifactSpec("onnx", "int8", batch=4), "model.int8-batch4.onnx"),
    ],
)
def test_specs_that_can_stand_in_one_bundle_have_different_files(
    spec: ArtifactSpec, file: str
) -> None:
    assert spec.file == file


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"format": "tflite", "precision": "int8", "batch": 2},
            r"--batch: a \.tflite file takes one image a call",
        ),
        ({"format": "tflit", "precision": "int8"}, "tflit: no such format; there are tflite, onnx"),
        (
            {"format": "onnx", "precision": "int8", "batch": 0},
            "--batch: expected a number of images from 1 to 1024, found 0",
        ),
        (
            {"format": "tflite", "precision": "fp32", "io": "int8"},
            r"--io: int8 is for int8 \.tflite files, not for fp32 \.tflite files",
        ),
        (
            {"format": "onnx", "precision": "int8", "io": "int8"},
            r"--io: int8 is for int8 \.tflite files, not for int8 \.onnx files",
        ),
        (
            {"format": "tflite", "precision": "int8", "io": "float"},
            r"--io: float is for fp32/int8/fp16/dynamic/mixed \.onnx files, not for int8 \.tflite",
        ),
    ],
)
def test_specs_that_no_converter_makes_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputRefused, match=message):
        ArtifactSpec(**wrong)
