"""A `.keras` file, looked at before Keras loads it: what it is, what is in the zip, and what its config names."""

import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from runtime.errors import InputRefused
from runtime.keras_config import check_config, written_by_keras_2
from runtime.model_file import IMPOSTORS
from runtime.records import MAX_JSON_BYTES, parse_json

METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
MEMBERS = {METADATA, CONFIG, WEIGHTS}
ZIP, HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
MOST_EXPANSION = 20
"""How many times larger than stored a compressed member may say it is. Keras stores without compressing; real weights shrink by a tenth."""

UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError)
"""What zipfile raises on a broken, encrypted or oddly compressed archive."""


def check_keras_file(path: Path) -> dict[str, Any]:
    """The config of the `.keras` file at `path`, which names nothing but Keras' own plain layers.

    Raises:
        InputRefused: missing, empty, not a Keras file, cut, written by Keras 2, or naming code; says which.
    """
    _check_start(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            metadata, config = (read_member(archive, name) for name in (METADATA, CONFIG))
    except UNREADABLE as error:
        if isinstance(error, zipfile.BadZipFile) and "not a zip" in str(error):
            raise InputRefused(str(path), "cut: the end of the Keras file is missing") from error
        raise InputRefused(str(path), f"damaged: its zip archive cannot be read ({error})") from error
    _check_version(path, metadata)
    found: dict[str, Any] = _json(path, CONFIG, config)
    check_config(found, str(path))
    return found


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A small member of the archive, at most 8 MB whatever its header says."""
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
        what = next((f"; it is {what}" for magic, what in IMPOSTORS.items() if start.lstrip().startswith(magic)), "")
        raise InputRefused(str(path), f"not a Keras file (.keras is a zip archive){what}")
    if path.suffix != ".keras":
        raise InputRefused(str(path), "expected a Keras file's name to end in .keras; rename it, if it is one")


def _hdf5_reason(content: bytes) -> str:
    """Why an `.h5` file is refused: it can hold code that Keras' safe mode does not see. It is not opened to find its version."""
    version = re.search(rb"keras_version.*?\0(\d\.\d{1,2}\.\d{1,2})\0", content, re.DOTALL)
    found = version[1].decode() if version else ""
    if found.startswith("2."):
        return f"an .h5 file {written_by_keras_2(found)}"
    return "an .h5 file, which can hold code; load it where it was made and save it with model.save('model.keras')"


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if absent := MEMBERS - set(names):
        raise InputRefused(str(path), f"not a Keras file (it has no {min(absent)})")
    if extra := [name for name in names if name not in MEMBERS]:
        raise InputRefused(str(path), f"holds {extra[0]!r}, which the Keras file of an image classifier does not")
    if len(names) > len(MEMBERS):
        raise InputRefused(str(path), "holds one member twice, so that what is checked need not be what is loaded")
    for info in infos:
        if info.file_size > max(MOST_EXPANSION * info.compress_size, 2**16):
            raise InputRefused(str(path), f"its {info.filename} says it is {info.file_size} bytes, {info.compress_size} are stored")


def _check_version(path: Path, content: bytes) -> None:
    metadata = _json(path, METADATA, content)
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    if not isinstance(version, str):
        raise InputRefused(str(path), f"not a Keras file (its {METADATA} names no keras_version)")
    if version.startswith("2."):
        raise InputRefused(str(path), written_by_keras_2(version))


def _json(path: Path, name: str, content: bytes) -> Any:
    try:
        return parse_json(content)
    except InputRefused as refusal:
        raise InputRefused(f"{path}:{name}", refusal.reason) from refusal
