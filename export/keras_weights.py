"""The sizes that a Keras file declares, held against the bytes it has, before any of them is given memory.

A file of 2.6 kB can declare a layer of a thousand million units, or a weight of that shape with no data: Keras 3.15 takes 9.5 and
14 GB for two such files.
"""

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from export.kernel_sizes import kernel_size
from export.zip_member import open_member
from runtime.errors import InputRefused
from runtime.keras_config import layer_name, layers
from runtime.keras_file import MOST_EXPANSION, UNREADABLE, WEIGHTS


def check_weights(path: Path, config: dict[str, Any]) -> None:
    """Holds layers and weights of a checked `.keras` file against its size; `config` is what `check_keras_file` gave. Reads no weight.

    Raises:
        InputRefused: it declares more than it holds, or its weights refer to other files.
    """
    try:
        with zipfile.ZipFile(path) as archive, open_member(path, archive, WEIGHTS) as member, h5py.File(member, "r") as file:
            held = sum(_elements(file, path, archive.getinfo(WEIGHTS).file_size))
    except InputRefused:
        raise
    except (*UNREADABLE, KeyError, TypeError, AttributeError) as error:
        raise InputRefused(str(path), f"its weights cannot be read ({' '.join(str(error).split())[:200]})") from error
    declared = 0
    for part in layers(config):
        size = kernel_size(part)
        declared += size
        if declared > held:
            raise InputRefused(
                str(path), f"its layers declare at least {declared} weights (layer '{layer_name(part)}' {size}); the file holds {held}"
            )


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
