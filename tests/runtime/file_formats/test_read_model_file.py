"""Tests that a file that is no model is refused before an interpreter sees it."""

import os
from pathlib import Path

import pytest

from runtime.errors import InputRefused
from runtime.file_formats.read_model_file import MAX_MODEL_BYTES, read_model_file

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
IMPOSTORS = {
    "empty file": b"",
    "Git LFS pointer": POINTER,
    "web page": b"\n <!DOCTYPE html><html></html>",
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "zip archive or Keras file": b"PK\x03\x04abc",
}


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
@pytest.mark.parametrize("what", IMPOSTORS)
def test_other_format_is_named(tmp_path: Path, what: str, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(IMPOSTORS[what])
    with pytest.raises(InputRefused, match=what) as refusal:
        read_model_file(path)
    assert refusal.value.thing == str(path)


def test_tflite_without_its_mark_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"\x20\0\0\0TFL2" + bytes(100))
    with pytest.raises(InputRefused, match="TFL3"):
        read_model_file(tmp_path / "model.tflite")


@pytest.mark.parametrize("file", ["model.int8.tflite", "model.fp32.onnx"])
def test_real_models_pass(exported: Path, file: str) -> None:
    assert read_model_file(exported / file) == (exported / file).read_bytes()


def test_folder_or_missing_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.onnx")
    (tmp_path / "folder.onnx").mkdir()
    for name, reason in (
        ("fifo.onnx", "not a file"),
        ("folder.onnx", "not a file"),
        ("missing.onnx", "no such file"),
        ("n" * 300, "too long"),
    ):
        with pytest.raises(InputRefused, match=reason):
            read_model_file(tmp_path / name)


def test_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "big.onnx").open("wb") as file:
        file.truncate(MAX_MODEL_BYTES + 1)
    with pytest.raises(InputRefused, match="at most"):
        read_model_file(tmp_path / "big.onnx")
