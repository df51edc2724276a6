"""Reads JSON from outside into frozen dataclasses, strictly: no unknown field, none missing, types checked."""

import json
import os
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from runtime.errors import InputRefused, failed_access

MAX_TEXT_BYTES, MAX_JSON_BYTES = 32 * 2**20, 8 * 2**20
MAX_JSON_DEPTH = 100
"""Lists and objects within one another: far more than any file of ours has, far fewer than Python's recursion allows `asdict`."""

Record = TypeVar("Record")


def read_text(path: Path, missing: str, *, errors: str = "strict") -> str:
    """A small UTF-8 file, `errors` as in `bytes.decode`; `missing` completes the error where it does not exist.

    Raises:
        InputRefused: missing, not a regular file, over 32 MB, not UTF-8.
        MachineError: this user may not read it.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise InputRefused(str(path), "not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_TEXT_BYTES + 1)
        if len(content) > MAX_TEXT_BYTES:
            raise InputRefused(str(path), f"over {MAX_TEXT_BYTES} bytes")
        return content.decode(errors=errors)
    except FileNotFoundError as error:
        raise InputRefused(str(path.parent), f"{missing}: it has no {path.name}") from error
    except UnicodeDecodeError as error:
        raise InputRefused(str(path), "not UTF-8 text") from error
    except OSError as error:
        raise failed_access(str(path), error) from error


def parse_json(text: str | bytes, most: int = MAX_JSON_BYTES) -> Any:
    """JSON of at most `most` bytes (parsed, it takes 25 times as much memory at worst), with the parser's complaints as InputRefused.

    Nested deeper than MAX_JSON_DEPTH, it is refused too: what walks over it later need not ask again.
    """
    if len(text) > most:
        raise InputRefused("JSON", f"over {most} bytes")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputRefused("JSON", f"not valid JSON ({error})") from error
    level = [data]
    for _ in range(MAX_JSON_DEPTH + 1):
        level = [part for one in level if isinstance(one, list | dict) for part in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return data
    raise InputRefused("JSON", f"nested more than {MAX_JSON_DEPTH} deep")


def build(record: type[Record], data: Any) -> Record:
    """The dataclass `record` from a JSON object that has exactly its fields (those with a default may be absent).

    Raises:
        InputRefused: not an object, a field unknown or missing, or what the record's own checks refuse.
    """
    what = record.__name__.lower()
    if not isinstance(data, dict):
        raise InputRefused("manifest", f"expected {what} to be an object, found {type(data).__name__}")
    known = {part.name for part in fields(record)}  # type: ignore[arg-type]
    if unknown := sorted(set(data) - known):
        raise InputRefused("manifest", f"unknown field {unknown[0]!r} in {what}")
    needed = {part.name for part in fields(record) if part.default is MISSING and part.default_factory is MISSING}  # type: ignore[arg-type]
    if absent := sorted(needed - set(data)):
        raise InputRefused("manifest", f"field {absent[0]!r} is missing in {what}")
    return record(**data)


def expect_list(name: str, data: Any) -> list[Any]:
    """`data` as a list."""
    if not isinstance(data, list):
        raise InputRefused("manifest", f"expected {name} to be a list, found {type(data).__name__}")
    return data


def expect_text(record: Any, *names: str) -> None:
    """Refuses a record whose fields `names` are not non-empty strings."""
    for name in names:
        value = getattr(record, name)
        if not isinstance(value, str) or not value:
            raise InputRefused("manifest", f"expected {type(record).__name__.lower()}.{name} to be a text, found {str(value)[:50]!r}")
