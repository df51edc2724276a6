"""Checks a `.keras` file before Keras loads it: its start, its zip members and its config."""

import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from runtime.errors import InputRefused, naming
from runtime.file_formats.read_model_file import OTHER_FORMATS
from runtime.system.json_records import MAX_JSON_BYTES, parse_json
from workstation.keras_config import check_config, written_by_keras_2

BASE_BYTES, BYTES_PER_BYTE = 2 * 2**30, 6
"""Memory that loading may take: the file's content, the variables and a short-lived copy."""
METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
MEMBERS = {METADATA, CONFIG, WEIGHTS}
ZIP, HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
MAX_EXPANSION = 20
"""How many times larger than its stored size a member may be.

Keras stores without compression, and compression saves a tenth of real weights.
"""

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
)
"""Errors that zipfile raises for a broken, encrypted or oddly compressed archive."""


def check_keras_file(path: Path) -> dict[str, Any]:
    """Returns the config of the `.keras` file at `path`, which names only Keras' plain layers.

    Raises:
        InputRefused: the file is missing, empty, cut, no Keras file, written by Keras 2, or names
            code; the error says which.
    """
    _check_start(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            metadata, config = (read_member(archive, name) for name in (METADATA, CONFIG))
    except UNREADABLE as error:
        if isinstance(error, zipfile.BadZipFile) and "not a zip" in str(error):
            raise InputRefused(str(path), "cut: the end of the Keras file is missing") from error
        raise InputRefused(
            str(path), f"damaged: its zip archive cannot be read ({error})"
        ) from error
    _check_version(path, metadata)
    model: dict[str, Any] = _json(path, CONFIG, config)
    check_config(model, str(path))
    return model


def loading_memory(size: int) -> int:
    """Returns how many bytes the loading of a model of `size` bytes may take."""
    return BASE_BYTES + BYTES_PER_BYTE * size


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Returns a small member of the archive, at most 8 MB of it."""
    with archive.open(name) as file:
        return file.read(MAX_JSON_BYTES + 1)


def _check_start(path: Path) -> None:
    if not path.is_file():
        raise InputRefused(str(path), "not a file" if path.exists() else "no such file")
    with path.open("rb") as file:
        start = file.read(64)
        if start.startswith(HDF5):
            raise InputRefused(str(path), _hdf5_reason(start + file.read(16 * 2**20)))
    if not start:
        raise InputRefused(str(path), "empty file")
    if not start.startswith(ZIP):
        reason = "not a Keras file (.keras is a zip archive)"
        for magic, kind in OTHER_FORMATS.items():
            if start.lstrip().startswith(magic):
                reason += f"; it is {kind}"
        raise InputRefused(str(path), reason)
    if path.suffix != ".keras":
        raise InputRefused(
            str(path), "expected a Keras file's name to end in .keras; rename it, if it is one"
        )


def _hdf5_reason(content: bytes) -> str:
    """Returns the reason to refuse an `.h5` file: Keras' safe mode does not see code in it.

    The version is searched in the bytes; the file is not opened.
    """
    match = re.search(rb"keras_version.*?\0(\d\.\d{1,2}\.\d{1,2})\0", content, re.DOTALL)
    version = match[1].decode() if match else ""
    if version.startswith("2."):
        return f"an .h5 file {written_by_keras_2(version)}"
    return (
        "an .h5 file, which can hold code; load it where it was made and save it with "
        "model.save('model.keras')"
    )


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if absent := MEMBERS - set(names):
        raise InputRefused(str(path), f"not a Keras file (it has no {min(absent)})")
    if extra := [name for name in names if name not in MEMBERS]:
        raise InputRefused(
            str(path), f"holds {extra[0]!r}, which the Keras file of an image classifier does not"
        )
    if len(names) > len(MEMBERS):
        raise InputRefused(
            str(path), "holds one member twice, so that what is checked need not be what is loaded"
        )
    for info in infos:
        if info.file_size > max(MAX_EXPANSION * info.compress_size, 2**16):
            raise InputRefused(
                str(path),
                f"its {info.filename} claims {info.file_size} bytes, "
                f"and {info.compress_size} are stored",
            )


def _check_version(path: Path, content: bytes) -> None:
    metadata = _json(path, METADATA, content)
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    if not isinstance(version, str):
        raise InputRefused(str(path), f"not a Keras file (its {METADATA} names no keras_version)")
    if version.startswith("2."):
        raise InputRefused(str(path), written_by_keras_2(version))


def _json(path: Path, name: str, content: bytes) -> Any:
    with naming(f"{path}:{name}"):
        return parse_json(content)
