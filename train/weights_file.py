"""A file of weights that the user names, looked at before any of its numbers is given memory. No code in it is ever run."""

import hashlib
import math
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from runtime.errors import InputRefused

ENDINGS = (".weights.h5", ".h5", ".hdf5", ".keras")
MEMBER = "model.weights.h5"
"""Where a .keras file, which is a zip archive, keeps its weights."""
MOST_EXPANSION = 20
"""How many times larger than the file its numbers may say they are. Keras does not compress; real weights shrink by a tenth."""
NOT_OF_THE_BACKBONE = re.compile(r"^layers/dense(_\d+)?/|(^|/)seed_generator/|^optimizer/|^vars/|^layers/normalization/")
"""A classification head, and what is no weight of a network; EfficientNet's mean and std are not taken from files."""


def weights_digest(path: Path) -> str:
    """The sha256 of the file.

    Raises:
        InputRefused: missing, a folder, or no name of a file of Keras weights.
    """
    if path.is_dir():
        raise InputRefused(str(path), "a folder; give the file of weights, such as the model.keras in a run folder")
    if not path.is_file():
        raise InputRefused(str(path), "no such file of weights; --weights takes imagenet, none or a file")
    if not path.name.endswith(ENDINGS):
        raise InputRefused(str(path), f"expected a file of Keras weights, whose name ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def count_arrays(path: Path) -> int | None:
    """How many arrays of a backbone a file in Keras' own layout holds, a Dense head left out; None for the older layout of `.h5` files.

    Raises:
        InputRefused: it cannot be read, declares more numbers than it has bytes for, or refers to another file.
    """
    import h5py

    size = path.stat().st_size
    try:
        with ExitStack() as stack:
            source: Any = path
            if path.name.endswith(".keras"):
                archive = stack.enter_context(zipfile.ZipFile(path))
                if archive.getinfo(MEMBER).file_size > MOST_EXPANSION * size:
                    raise InputRefused(str(path), f"its {MEMBER} declares {archive.getinfo(MEMBER).file_size} bytes; the file has {size}")
                source = stack.enter_context(archive.open(MEMBER))
            file = stack.enter_context(h5py.File(source, "r"))
            arrays = [(name, _bytes(path, name, part)) for name, part in _members(path, file) if not isinstance(part, h5py.Group)]
            old = "layer_names" in file.attrs or "model_weights" in file
    except (OSError, ValueError, KeyError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise InputRefused(str(path), f"not readable as Keras weights ({' '.join(str(error).split())[:200]})") from error
    declared = sum(number for _, number in arrays)
    if declared > MOST_EXPANSION * size:
        raise InputRefused(str(path), f"its weights declare {declared} bytes; the file has {size}")
    return None if old else sum(1 for name, _ in arrays if not NOT_OF_THE_BACKBONE.search(name))


def _members(path: Path, file: Any) -> Iterator[tuple[str, Any]]:
    """Everything in an HDF5 file by its name, each part of the file once."""
    import h5py

    waiting, seen = [("", file)], set()
    while waiting:
        name, group = waiting.pop()
        for key in group:
            inner = f"{name}/{key}".lstrip("/")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise InputRefused(str(path), f"its weights refer to another place or file ({inner})")
            part = group[key]
            if (address := h5py.h5o.get_info(part.id).addr) in seen:
                continue
            seen.add(address)
            yield inner, part
            if isinstance(part, h5py.Group):
                waiting.append((inner, part))


def _bytes(path: Path, name: str, array: Any) -> int:
    if getattr(array, "is_virtual", True) or array.external:
        raise InputRefused(str(path), f"its weights refer to another file ({name})")
    return math.prod(array.shape or (0,)) * int(array.dtype.itemsize)
