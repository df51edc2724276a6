"""Reads JSON from outside into frozen dataclasses, and refuses unknown and missing fields.

An error names only the record or "JSON"; the caller puts the file's name there with `naming`.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

from runtime.errors import InputRefused, failed_access

MAX_TEXT_BYTES, MAX_JSON_BYTES = 32 * 2**20, 8 * 2**20
MAX_JSON_DEPTH = 100
"""How deep lists and objects may be nested. Our files have far less, and Python's recursion limit,
which `asdict` meets, is far higher."""

OLD_KEYS = {
    "picture": "image",
    "pictures": "images",
    "pictures_sha256": "images_sha256",
    "test_pictures": "test_images",
}
"""Keys of older files, and their names of today."""

MAX_NAME_LENGTH = 1000
SHA256_PATTERN = "[0-9a-f]{64}"
Name = Annotated[str, {"minLength": 1, "maxLength": MAX_NAME_LENGTH, "pattern": "^[^\\x00]*$"}]
"""A text of 1 to 1000 characters without NUL. The dict holds its constraints as JSON Schema has
them; `docs/write_reference.py` reads it."""
Sha256 = Annotated[str, {"pattern": f"^{SHA256_PATTERN}$"}]

REQUIRED = {"required": True}
"""The metadata of a field that has a default in Python and must be in JSON all the same."""

Record = TypeVar("Record")


def read_text(path: Path, missing: str, *, errors: str = "strict") -> str:
    """Returns the text of a small UTF-8 file.

    Args:
        path: the file.
        missing: what an error reports about its folder if the file does not exist.
        errors: as in `bytes.decode`.

    Raises:
        InputRefused: missing, not a regular file, over 32 MB, not UTF-8.
        MachineError: this user may not read it.
    """
    try:
        return read_content(path, missing).decode(errors=errors)
    except UnicodeDecodeError as error:
        raise InputRefused(str(path), "not UTF-8 text") from error


def read_content(path: Path, missing: str) -> bytes:
    """Returns the bytes of a small file, of any encoding; raises as `read_text` does."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise InputRefused(str(path), "not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_TEXT_BYTES + 1)
        if len(content) > MAX_TEXT_BYTES:
            raise InputRefused(str(path), f"over {MAX_TEXT_BYTES} bytes")
        return content
    except FileNotFoundError as error:
        raise InputRefused(str(path.parent), f"{missing}: it has no {path.name}") from error
    except OSError as error:
        raise failed_access(str(path), error) from error


def parse_json(text: str | bytes, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Returns the parsed JSON; parsed, it takes at most 25 times its size in memory.

    Raises:
        InputRefused: over `max_bytes`, no JSON, a key twice in one object, or nested deeper than
            MAX_JSON_DEPTH, so that code which walks over it later need not check that.
    """
    if len(text) > max_bytes:
        raise InputRefused("JSON", f"over {max_bytes} bytes")
    try:
        data = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise InputRefused("JSON", f"not valid JSON ({error})") from error
    level = [data]
    for _ in range(MAX_JSON_DEPTH + 1):
        level = [child for value in level for child in _children(value)]
        if not level:
            return data
    raise InputRefused("JSON", f"nested more than {MAX_JSON_DEPTH} deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns a JSON object; refuses a key that stands twice, as readers differ on its value."""
    data = dict(pairs)
    if len(data) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = counts.most_common(1)[0][0]
        raise InputRefused("JSON", f"the key {twice[:50]!r} stands twice in one object")
    return data


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def rename_old_keys(data: Any, names: Mapping[str, str] = OLD_KEYS) -> Any:
    """Gives a JSON object of an older version the keys of today; returns other data unchanged.

    An old key beside that of today keeps its name, so that it never hides the value of today.
    """
    if not isinstance(data, dict):
        return data
    old = {key for key in names if key in data and names[key] not in data}
    return {names[key] if key in old else key: value for key, value in data.items()}


def rename_nested(data: Any, names: Mapping[str, Mapping[str, str]], under: str = "") -> Any:
    """Gives JSON of an older version the keys of today, also in the objects inside it.

    `names` are the new names by old ones, for the objects that lie under a key of today, alone or
    in a list; those under "" are for `data` itself.
    """
    if isinstance(data, list):
        return [rename_nested(value, names, under) for value in data]
    if not isinstance(data, dict):
        return data
    renamed = rename_old_keys(data, names.get(under, {}))
    return {key: rename_nested(value, names, key) for key, value in renamed.items()}


def from_json_object(record: type[Record], data: Any) -> Record:
    """Returns the dataclass `record` made from a JSON object that has exactly its fields.

    Fields with a default may be absent, unless their metadata are REQUIRED.

    Raises:
        InputRefused: not an object, a field is unknown or missing, or the record refuses a value.
    """
    name = record.__name__.lower()
    if not isinstance(data, dict):
        raise InputRefused(name, f"expected {name} to be an object, found {type(data).__name__}")
    parts = fields(record)  # type: ignore[arg-type]
    if unknown := sorted(set(data) - {part.name for part in parts}):
        raise InputRefused(name, f"unknown field {unknown[0]!r} in {name}")
    for part in sorted(parts, key=lambda part: part.name):
        if is_required(part) and part.name not in data:
            raise InputRefused(name, f"field {part.name!r} is missing in {name}")
    return record(**data)


def is_required(part: "Field[Any]") -> bool:
    """Returns whether JSON must have this field of a dataclass."""
    has_default = part.default is not MISSING or part.default_factory is not MISSING
    return not has_default or part.metadata == REQUIRED


def expect_list(name: str, data: Any) -> list[Any]:
    """Returns `data`, which must be a list; `name` is what an error calls it."""
    if not isinstance(data, list):
        raise InputRefused(name, f"expected {name} to be a list, found {type(data).__name__}")
    return data


def expect_text(record: Any, *names: str) -> None:
    """Refuses a record if one of the fields `names` is not a non-empty string."""
    for name in names:
        value = getattr(record, name)
        if not isinstance(value, str) or not value:
            field = f"{type(record).__name__.lower()}.{name}"
            raise InputRefused(field, f"expected {field} to be a text, found {str(value)[:50]!r}")


def expect_names(record: Any, *names: str) -> None:
    """Refuses a record if one of the fields `names` is no `Name`."""
    expect_text(record, *names)
    for name in names:
        value = getattr(record, name)
        if len(value) > MAX_NAME_LENGTH or "\0" in value:
            field = f"{type(record).__name__.lower()}.{name}"
            raise InputRefused(
                field,
                f"expected {field} to be a text of at most {MAX_NAME_LENGTH} characters without"
                f" NUL, found {len(value)} characters: {value[:50]!r}",
            )


def expect_sha256(record: Any, *names: str) -> None:
    """Refuses a record if one of the fields `names` is not 64 hex digits."""
    expect_text(record, *names)
    for name in names:
        value = getattr(record, name)
        if not re.fullmatch(SHA256_PATTERN, value):
            field = f"{type(record).__name__.lower()}.{name}"
            raise InputRefused(field, f"expected {field} to be 64 hex digits, found {value[:70]!r}")
