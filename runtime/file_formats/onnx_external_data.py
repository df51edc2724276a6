"""Puts the data of an ONNX model that lie in other files into the model, as one file.

`torch.onnx.export` writes `model.onnx` and `model.onnx.data`. Only whole files beside the model are
read: no links and no paths, so that a model file cannot read others. Field numbers are those of
onnx.proto; see "External Data" in the documentation of ONNX for the keys.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import InputRefused, failed_access, naming
from runtime.file_formats.onnx import (
    DATA_LOCATION,
    EXTERNAL_DATA,
    MAX_DEPTH,
    RAW_DATA,
    SUBMESSAGES,
    TENSOR_NAME,
    field_text,
    read_onnx_file,
)
from runtime.file_formats.protobuf import field_spans, message_fields, varint

KEY, VALUE = 1, 2
MAX_EXPANSION = 4
"""How many times the bytes of the data files may be used: a few tensors may share their data."""
MAX_FILES = 10_000


def with_external_data(path: Path, content: bytes, max_bytes: int) -> bytes:
    """Returns the content of an `.onnx` file with its external data inside.

    A file without external data comes back as it is.

    Args:
        path: of the model file; its data files lie in the same folder.
        content: of the model file.
        max_bytes: that the result may have.

    Raises:
        InputRefused: a data file is missing, a link, in another folder or too short, or the result
            is too large.
        MachineError: this user may not read a data file.
    """
    if not read_onnx_file(str(path), content).external:
        return content
    with naming(path):
        files = _DataFiles(path, max_bytes - len(content))
        try:
            return b"".join(_rewritten(memoryview(content), "model", files, 0))
        except (ValueError, IndexError) as error:
            raise InputRefused(str(path), "not an ONNX model, or a damaged one") from error


class _DataFiles:
    """Reads data files beside a model, each once, and limits how much of them is used."""

    def __init__(self, model: Path, max_bytes: int) -> None:
        self._model, self._max_bytes = model, max_bytes
        self._contents: dict[str, memoryview] = {}
        self._used_bytes = 0

    def data(self, entries: dict[str, str], tensor: str) -> memoryview:
        """Returns the bytes that the keys and values of a tensor's `external_data` state."""
        name = _plain_name(entries.get("location", ""), tensor)
        content = self._contents.get(name)
        if content is None:
            content = self._contents[name] = self._read(name)
        start = _size(entries.get("offset", "0"), "offset", tensor)
        left = max(0, len(content) - start)
        length = _size(entries.get("length", str(left)), "length", tensor)
        if start + length > len(content):
            raise InputRefused(
                name,
                f"its tensor '{tensor}' is at bytes {start} to {start + length} of {name}, which"
                f" has {len(content)}; copy both files again",
            )
        self._used_bytes += length
        held_bytes = sum(map(len, self._contents.values()))
        if self._used_bytes > min(self._max_bytes, MAX_EXPANSION * held_bytes):
            raise InputRefused(
                name, f"its tensors state more data than one model may hold, or {name} has"
            )
        return content[start : start + length]

    def _read(self, name: str) -> memoryview:
        if len(self._contents) >= MAX_FILES:
            raise InputRefused(name, f"expected at most {MAX_FILES} data files")
        file = self._model.with_name(name)
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        shown = name[:80]
        try:
            if file.is_symlink():
                raise InputRefused(
                    name, f"its data file {shown} is a link; copy the file itself beside the model"
                )
            with open(os.open(file, flags), "rb") as opened:
                status = os.fstat(opened.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise InputRefused(name, f"its data file {shown} is no regular file")
                if status.st_size > self._max_bytes:
                    raise InputRefused(
                        name,
                        f"expected at most {self._max_bytes} bytes of data, found"
                        f" {status.st_size} in {shown}",
                    )
                return memoryview(opened.read(status.st_size))
        except FileNotFoundError as error:
            raise InputRefused(
                name, f"its data file {shown} is missing; copy it to the same folder"
            ) from error
        except OSError as error:
            failure = failed_access(name, error)
            raise type(failure)(name, f"its data file {shown}: {failure.reason}") from error


def _plain_name(location: str, tensor: str) -> str:
    name = location.removeprefix("./")
    if not name or name in (".", "..") or any(sign in name for sign in "/\\\0"):
        raise InputRefused(
            tensor,
            f"the data of its tensor '{tensor}' lie in {location[:80]!r}; expected a file in the"
            " folder of the model; save the model as one file",
        )
    return name


def _size(text: str, key: str, tensor: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InputRefused(
            tensor,
            f"expected a whole number as {key} of its tensor '{tensor}', found {text[:30]!r}",
        )
    return int(text)


def _rewritten(
    message: memoryview, kind: str, files: _DataFiles, depth: int
) -> Iterator[bytes | memoryview]:
    """Yields the parts of a message, with the data inside each tensor that has them elsewhere."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if kind == "tensor":
        yield from _rewritten_tensor(message, files)
        return
    for number, value, whole in field_spans(message):
        submessage = SUBMESSAGES[kind].get(number)
        if submessage is None or isinstance(value, int):
            yield whole
        else:
            parts = list(_rewritten(value, submessage, files, depth + 1))
            yield from _field(number, parts)


def _rewritten_tensor(message: memoryview, files: _DataFiles) -> Iterator[bytes | memoryview]:
    fields = list(field_spans(message))
    location = [value for number, value, _ in fields if number == DATA_LOCATION]
    entries = [value for number, value, _ in fields if number == EXTERNAL_DATA]
    if not entries and location in ([], [0]):
        yield message
        return
    texts = [dict(message_fields(entry)) for entry in entries if not isinstance(entry, int)]
    table = {field_text(text.get(KEY, 0)): field_text(text.get(VALUE, 0)) for text in texts}
    name = "".join(field_text(value) for number, value, _ in fields if number == TENSOR_NAME)
    for number, _, whole in fields:
        if number not in (EXTERNAL_DATA, DATA_LOCATION, RAW_DATA):
            yield whole
    yield from _field(RAW_DATA, [files.data(table, name[:80])])


def _field(number: int, parts: list[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Yields a field of a message or of bytes: key, length, content."""
    yield varint(number << 3 | 2)
    yield varint(sum(map(len, parts)))
    yield from parts
