"""Inspects a weights file that the user names, before memory is allocated for its numbers.

No code in the file is ever run.
"""

import math
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from runtime.errors import InputRefused
from runtime.system.hashing import sha256_of_file

ENDINGS = (".weights.h5", ".h5", ".hdf5", ".keras")
WEIGHTS_MEMBER = "model.weights.h5"
"""The name of the weights in a .keras file, which is a zip archive."""
MAX_EXPANSION = 20
"""How many times larger than the file its numbers may claim to be. Keras does not compress; real
weights shrink by a tenth."""
NOT_IN_BACKBONE = re.compile(
    r"^layers/dense(_\d+)?/|(^|/)seed_generator/|^optimizer/|^vars/|^layers/normalization/"
)
"""Matches a classification head, and arrays that are no weights of a network. The mean and std of
EfficientNet are not taken from files."""


def weights_digest(path: Path) -> str:
    """Returns the sha256 of the file.

    Raises:
        InputRefused: the file is missing or a folder, or its name is not that of Keras weights.
    """
    if path.is_dir():
        raise InputRefused(
            str(path), "a folder; expected a weights file, such as the model.keras in a run folder"
        )
    if not path.is_file():
        raise InputRefused(
            str(path), "no such file; --weights takes imagenet, none or a weights file"
        )
    if not path.name.endswith(ENDINGS):
        raise InputRefused(
            str(path),
            "expected a file of Keras weights, whose name ends in "
            f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}",
        )
    return sha256_of_file(path)


def count_arrays(path: Path) -> int | None:
    """Returns the number of arrays that belong to a backbone, without those of a Dense head.

    It is None for the older layout of `.h5` files, which cannot be counted so.

    Raises:
        InputRefused: the file cannot be read, declares more numbers than its size allows, or
            refers to another file.
    """
    import h5py

    size = path.stat().st_size
    try:
        with ExitStack() as stack:
            source: Any = path
            if path.name.endswith(".keras"):
                archive = stack.enter_context(zipfile.ZipFile(path))
                declared = archive.getinfo(WEIGHTS_MEMBER).file_size
                if declared > MAX_EXPANSION * size:
                    raise InputRefused(
                        str(path),
                        f"its {WEIGHTS_MEMBER} declares {declared} bytes; the file has {size}",
                    )
                source = stack.enter_context(archive.open(WEIGHTS_MEMBER))
            file = stack.enter_context(h5py.File(source, "r"))
            array_bytes = {
                name: _count_bytes(path, name, part)
                for name, part in _members(path, file)
                if not isinstance(part, h5py.Group)
            }
            is_old_layout = "layer_names" in file.attrs or "model_weights" in file
    except (OSError, ValueError, KeyError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise InputRefused(
            str(path), f"not readable as Keras weights ({' '.join(str(error).split())[:200]})"
        ) from error
    declared = sum(array_bytes.values())
    if declared > MAX_EXPANSION * size:
        raise InputRefused(str(path), f"its weights declare {declared} bytes; the file has {size}")
    if is_old_layout:
        return None
    return sum(1 for name in array_bytes if not NOT_IN_BACKBONE.search(name))


def _members(path: Path, file: Any) -> Iterator[tuple[str, Any]]:
    """Yields the groups and arrays of an HDF5 file with their names, each part of the file once."""
    import h5py

    waiting, seen = [("", file)], set()
    while waiting:
        name, group = waiting.pop()
        for key in group:
            inner_name = f"{name}/{key}".lstrip("/")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise InputRefused(
                    str(path), f"its weights refer to another place or file ({inner_name})"
                )
            part = group[key]
            address = h5py.h5o.get_info(part.id).addr
            if address in seen:
                continue
            seen.add(address)
            yield inner_name, part
            if isinstance(part, h5py.Group):
                waiting.append((inner_name, part))


def _count_bytes(path: Path, name: str, array: Any) -> int:
    if getattr(array, "is_virtual", True) or array.external:
        raise InputRefused(str(path), f"its weights refer to another file ({name})")
    return math.prod(array.shape or (0,)) * int(array.dtype.itemsize)
