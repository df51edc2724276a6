"""Reads a model file from disk and names what is wrong with one that cannot be a model, before an interpreter sees it."""

from pathlib import Path

from runtime.errors import InputRefused, failed_access

MAX_MODEL_BYTES = 2**31 - 1
"""The limit of a flatbuffer and of a protobuf."""

IMPOSTORS = {
    b"version https://git-lfs": "a Git LFS pointer; fetch the real file with: git lfs pull",
    b"<": "a web page or XML",
    b"\xff\xd8\xff": "a JPEG",
    b"\x89PNG": "a PNG",
    b"PK\x03\x04": "a zip archive or Keras file",
}


def read_model_file(path: Path) -> bytes:
    """The content of a `.tflite` or `.onnx` file.

    Raises:
        InputRefused: missing, empty, too large, or evidently something else.
        MachineError: this user may not read it.
    """
    try:
        if not path.is_file():
            raise InputRefused(str(path), "not a file" if path.exists() else "no such file")
        if path.stat().st_size > MAX_MODEL_BYTES:
            raise InputRefused(str(path), f"{path.stat().st_size} bytes; a model file has at most {MAX_MODEL_BYTES}")
        content = path.read_bytes()
    except OSError as error:
        raise failed_access(str(path), error) from error
    if not content:
        raise InputRefused(str(path), "empty file")
    for start, what in IMPOSTORS.items():
        if content.lstrip().startswith(start):
            raise InputRefused(str(path), f"not a model but {what}")
    if path.suffix == ".tflite" and content[4:8] != b"TFL3":
        raise InputRefused(str(path), "not a TFLite model (its bytes 4 to 8 are not TFL3)")
    return content
