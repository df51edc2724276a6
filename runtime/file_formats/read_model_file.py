"""Reads a model file, and refuses what cannot be one before an interpreter sees it."""

from pathlib import Path

from runtime.errors import InputRefused, failed_access

MAX_MODEL_BYTES = 2**31 - 1
"""Flatbuffers and protobuf allow no larger file."""
EXTERNAL_DATA_KEY = b"location"
"""Is in every ONNX file whose data lie in other files."""

OTHER_FORMATS = {
    b"version https://git-lfs": "a Git LFS pointer; fetch the real file with: git lfs pull",
    b"<": "a web page or XML",
    b"\xff\xd8\xff": "a JPEG",
    b"\x89PNG": "a PNG",
    b"PK\x03\x04": "a zip archive or Keras file",
}
"""The first bytes of files that users take for a model file."""


def read_model_file(path: Path) -> bytes:
    """Returns the content of a `.tflite` or `.onnx` file.

    Data of an `.onnx` file that lie in files beside it are put into the content.

    Raises:
        InputRefused: missing, empty, too large, or a file of another format.
        MachineError: this user may not read it.
    """
    try:
        if not path.is_file():
            raise InputRefused(str(path), "not a file" if path.exists() else "no such file")
        if path.stat().st_size > MAX_MODEL_BYTES:
            raise InputRefused(
                str(path),
                f"expected at most {MAX_MODEL_BYTES} bytes, found {path.stat().st_size}",
            )
        content = path.read_bytes()
    except OSError as error:
        raise failed_access(str(path), error) from error
    if not content:
        raise InputRefused(str(path), "empty file")
    beginning = content[:1024].lstrip()  # a float .tflite begins with a space: no copy
    for start, name in OTHER_FORMATS.items():
        if beginning.startswith(start):
            raise InputRefused(str(path), f"expected a model file, found {name}")
    if path.suffix == ".tflite" and content[4:8] != b"TFL3":
        raise InputRefused(str(path), "expected a TFLite model, whose bytes 4 to 8 are TFL3")
    if path.suffix == ".onnx" and EXTERNAL_DATA_KEY in content:
        # Imported here, because few models need it.
        from runtime.file_formats.onnx_external_data import with_external_data

        content = with_external_data(path, content, MAX_MODEL_BYTES)
    return content
