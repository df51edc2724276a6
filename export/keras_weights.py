"""The sizes that a Keras file declares, held against the bytes it has, before any of them is given memory.

A file of 2.6 kB can declare a layer of a thousand million units, or a weight of that shape with no data: Keras 3.15 takes 9.5 and
14 GB for two such files.
"""

import io
import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py

from export.keras_config import layer_name, layers
from export.keras_file import MOST_EXPANSION, UNREADABLE, WEIGHTS
from runtime.errors import InputRefused


def check_weights(path: Path, config: dict[str, Any]) -> None:
    """Holds layers and weights of a checked `.keras` file against its size; `config` is what `check_keras_file` gave. Reads no weight.

    Raises:
        InputRefused: it declares more than it holds, or its weights refer to other files.
    """
    try:
        with zipfile.ZipFile(path) as archive, _open_member(path, archive) as member, h5py.File(member, "r") as file:
            held = sum(_elements(file, path, archive.getinfo(WEIGHTS).file_size))
    except InputRefused:
        raise
    except (*UNREADABLE, KeyError, TypeError, AttributeError) as error:
        raise InputRefused(str(path), f"its weights cannot be read ({' '.join(str(error).split())[:200]})") from error
    declared = 0
    for part in layers(config):
        size = _kernel_size(part)
        declared += size
        if declared > held:
            raise InputRefused(
                str(path), f"its layers declare at least {declared} weights (layer '{layer_name(part)}' {size}); the file holds {held}"
            )


class _Window(io.RawIOBase):
    """A stored member of a zip as a seekable file. zipfile's own starts anew from the member's first byte at each step back."""

    def __init__(self, path: Path, start: int, length: int) -> None:
        self._file, self._start, self._length, self._at = path.open("rb"), start, length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._length)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._length - self._at))
        self._file.seek(self._start + self._at)
        found = self._file.readinto(view[:wanted])
        self._at += found
        return found

    def close(self) -> None:
        self._file.close()
        super().close()


def _open_member(path: Path, archive: zipfile.ZipFile) -> Any:
    info = archive.getinfo(WEIGHTS)
    if info.compress_type != zipfile.ZIP_STORED:
        with archive.open(info) as file:
            return io.BytesIO(file.read(info.file_size))
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
    return _Window(path, info.header_offset + 30 + name + extra, info.file_size)


def _elements(file: h5py.File, path: Path, size: int) -> Iterator[int]:
    """How many numbers each dataset holds, each once whatever number of names it has."""
    declared, seen = 0, set()
    waiting: list[tuple[str, Any]] = [("", file)]
    while waiting:
        name, part = waiting.pop()
        address = h5py.h5o.get_info(part.id).addr
        if address in seen:
            continue
        seen.add(address)
        if isinstance(part, h5py.Group):
            for key in part:
                if not isinstance(part.get(key, getlink=True), h5py.HardLink):
                    raise InputRefused(str(path), f"its weights refer to another place or file ({name}/{key})")
                waiting.append((f"{name}/{key}", part[key]))
            continue
        elements = _count(part, name, path)
        declared += elements * part.dtype.itemsize
        if declared > MOST_EXPANSION * size:
            raise InputRefused(str(path), f"its weights declare {declared} bytes with {name}; all of them together have {size}")
        yield elements


def _count(part: Any, name: str, path: Path) -> int:
    if not isinstance(part, h5py.Dataset):
        raise InputRefused(str(path), f"its weights hold {name}, which is not an array")
    if part.is_virtual or part.external:
        raise InputRefused(str(path), f"its weights refer to another file ({name})")
    if part.dtype.kind not in "fiubV":
        raise InputRefused(str(path), f"its weights hold {name} of type {part.dtype}, which are not numbers")
    return 0 if part.shape is None else math.prod(part.shape)


def _kernel_size(part: dict[str, Any]) -> int:
    """At least how many weights a layer has, from its config and the input shape it says it was built with; 0 where that is not said."""
    rule = KERNELS.get(str(part["class_name"]))
    inner = part.get("config")
    if rule is None or not isinstance(inner, dict):
        return 0
    build = part.get("build_config")
    shape = build.get("input_shape") if isinstance(build, dict) else None
    axis = 1 if inner.get("data_format") == "channels_first" else -1
    channels = shape[axis] if isinstance(shape, list) and len(shape) > 1 else 1
    return max(0, rule(inner, channels if isinstance(channels, int) else 1))


def _number(config: dict[str, Any], *names: str) -> int:
    """The product of whole numbers, or lists of them, in a config; what is absent or None counts as 1."""
    values = [config.get(name) for name in names]
    numbers = [number for value in values for number in (value if isinstance(value, list) else [value])]
    return math.prod(number for number in numbers if isinstance(number, int))


def _convolution(config: dict[str, Any], channels: int) -> int:
    return _number(config, "filters", "kernel_size") * channels // max(1, _number(config, "groups"))


KERNELS: dict[str, Callable[[dict[str, Any], int], int]] = {
    "Dense": lambda config, channels: _number(config, "units") * channels,
    "EinsumDense": lambda config, channels: _number(config, "output_shape"),
    "Embedding": lambda config, channels: _number(config, "input_dim", "output_dim"),
    "MultiHeadAttention": lambda config, channels: 2 * _number(config, "num_heads", "key_dim"),
    "GroupQueryAttention": lambda config, channels: _number(config, "head_dim", "num_query_heads"),
    "LayerScale": lambda config, channels: _number(config, "projection_dim"),
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "Conv2DTranspose": _convolution,
    "SeparableConv1D": lambda config, channels: _number(config, "filters", "depth_multiplier") * channels,
    "SeparableConv2D": lambda config, channels: _number(config, "filters", "depth_multiplier") * channels,
    "DepthwiseConv1D": lambda config, channels: _number(config, "kernel_size", "depth_multiplier") * channels,
    "DepthwiseConv2D": lambda config, channels: _number(config, "kernel_size", "depth_multiplier") * channels,
}
"""Lower bounds, by class; what they miss, the memory limit of export.load_child stops."""
