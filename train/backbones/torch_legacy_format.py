"""Reads the old (non-zip) PyTorch file format with numpy alone, and runs no code from the file.

`torch.save(..., _use_new_zipfile_serialization=False)` writes five pickles one after another: a
magic number, the protocol version 1001, facts about the machine, the object, and the list of
storage keys. For each key, in that order, an int64 count and the raw little-endian numbers follow.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from runtime.errors import InputRefused

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype[Any]
    size: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _TensorUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"holds {module}.{name}, which is not a plain tensor")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _location, size, *_view = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"expected a storage, found {kind!r}")
        return _Storage(key, dtype, size)


def read_torch_file(path: Path) -> dict[str, NDArray[Any]]:
    """Returns the tensors of a state_dict by name, in their shapes and dtypes (weights: float32).

    Raises:
        InputRefused: the file is missing, cut, not in this format, or its pickle names anything
            other than tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (
        OSError,
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        IndexError,
    ) as error:
        raise InputRefused(str(path), f"not readable as PyTorch weights ({error})") from error


def _read(file: BinaryIO) -> dict[str, NDArray[Any]]:
    magic, protocol, _machine = (_TensorUnpickler(file).load() for _ in range(3))
    if (magic, protocol) != (MAGIC_NUMBER, PROTOCOL_VERSION):
        raise ValueError(f"expected magic number {MAGIC_NUMBER:#x} and protocol {PROTOCOL_VERSION}")
    tensors: dict[str, _Tensor] = _TensorUnpickler(file).load()
    keys: list[str] = _TensorUnpickler(file).load()
    sizes = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages: dict[str, NDArray[Any]] = {}
    for key in keys:
        count = int(np.frombuffer(file.read(8), "<i8")[0])
        if count != sizes[key].size:
            raise ValueError(f"storage {key}: expected {sizes[key].size} numbers, found {count}")
        storages[key] = np.frombuffer(
            file.read(count * sizes[key].dtype.itemsize), sizes[key].dtype, count
        )
    return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _view(tensor: _Tensor, storage: NDArray[Any]) -> NDArray[Any]:
    last = tensor.offset + sum(
        (length - 1) * stride for length, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    if min((tensor.offset, *tensor.strides, *tensor.shape), default=0) < 0 or last >= storage.size:
        raise ValueError("a tensor reaches past the end of its storage")
    strides = tuple(stride * storage.itemsize for stride in tensor.strides)
    return as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False)
