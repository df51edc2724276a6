"""Reads what Ultralytics writes into the classifiers it exports: `names`, `imgsz` and `task`.

An `.onnx` has them as Python literals in its metadata. A `.tflite` has them as JSON (or, before
2024, one literal) in an archive behind it (ultralytics, engine/exporter.py and nn/autobackend.py).
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.errors import InputRefused, naming
from runtime.system.json_records import parse_json

MEMBERS = ("metadata.json", "temp_meta.txt")
MAX_LITERAL_BYTES = 2**20
"""A parsed literal takes a hundred times as much memory as its text."""
CLASSIFY = "classify"


@dataclass(frozen=True)
class UltralyticsMetadata:
    """Holds the class names in output order, and (height, width) of the image or None."""

    names: tuple[str, ...]
    size: tuple[int, int] | None


def read_ultralytics(name: str, texts: Mapping[str, str]) -> UltralyticsMetadata | None:
    """Returns the metadata among the texts in the model file `name`; None if it has none.

    Raises:
        InputRefused: the metadata are damaged or of a model for another task.
    """
    data = _entries(name, texts)
    if "names" not in data or "task" not in data:
        return None
    if data["task"] != CLASSIFY:
        raise InputRefused(
            name,
            f"expected a classifier, but its metadata say its task is {str(data['task'])[:30]!r}",
        )
    names = data["names"]
    by_index = dict(enumerate(names)) if isinstance(names, list | tuple) else names
    try:
        labels = {int(index): str(label) for index, label in by_index.items()}
        ordered = tuple(labels[index] for index in range(len(labels)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputRefused(
            name, f"the class names in its metadata are not numbered from 0: {str(names)[:50]}"
        ) from error
    return UltralyticsMetadata(ordered, _size(data.get("imgsz")))


def _entries(name: str, texts: Mapping[str, str]) -> Mapping[str, Any]:
    for member in MEMBERS:
        if member in texts:
            read = _literal if member.endswith(".txt") else _json
            data = read(name, texts[member])
            return data if isinstance(data, dict) else {}
    return {
        key: text if key == "task" else _literal(name, text)
        for key, text in texts.items()
        if key in ("names", "imgsz", "task")
    }


def _json(name: str, text: str) -> Any:
    with naming(name, "its metadata cannot be read: {}"):
        return parse_json(text)


def _literal(name: str, text: str) -> Any:
    if len(text) > MAX_LITERAL_BYTES:
        raise InputRefused(
            name, f"expected metadata of at most {MAX_LITERAL_BYTES} bytes, found {len(text)}"
        )
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise InputRefused(name, f"its metadata are no Python literal: {text[:50]!r}") from error


def _size(data: Any) -> tuple[int, int] | None:
    sides = [data, data] if type(data) is int else data
    if not isinstance(sides, list | tuple) or [type(side) for side in sides] != [int, int]:
        return None
    return sides[0], sides[1]
