"""What Ultralytics writes into the classifiers it exports: `names`, `imgsz` and `task`, as Python literals in the metadata of an `.onnx`,
and as JSON (or, before 2024, one literal) in an archive behind a `.tflite` (ultralytics, engine/exporter.py and nn/autobackend.py).
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.errors import InputRefused
from runtime.records import parse_json
from runtime.scaling import Scaling

SCALING = Scaling((0.0,), (255.0,))
"""Its classifiers take RGB in 0..1 (ultralytics, data/augment.py: DEFAULT_MEAN and DEFAULT_STD)."""
MEMBERS = ("metadata.json", "temp_meta.txt")
MAX_LITERAL_BYTES = 2**20
"""Parsed, a literal takes a hundred times as much memory."""
CLASSIFY = "classify"


@dataclass(frozen=True)
class UltralyticsMetadata:
    """Class names in output order, and (height, width) of the picture if it is told."""

    names: tuple[str, ...]
    size: tuple[int, int] | None


def read_ultralytics(name: str, texts: Mapping[str, str]) -> UltralyticsMetadata | None:
    """What the texts in the model file `name` say, or None where they are not Ultralytics'.

    Raises:
        InputRefused: they are, of a model for another task, or damaged.
    """
    data = _entries(name, texts)
    if "names" not in data or "task" not in data:
        return None
    if data["task"] != CLASSIFY:
        raise InputRefused(name, f"expected a classifier, its metadata say its task is {str(data['task'])[:30]!r}")
    names = data["names"]
    by_place = dict(enumerate(names)) if isinstance(names, list | tuple) else names
    try:
        labels = {int(place): str(label) for place, label in by_place.items()}
        ordered = tuple(labels[place] for place in range(len(labels)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputRefused(name, f"the class names in its metadata are not numbered from 0: {str(names)[:50]}") from error
    return UltralyticsMetadata(ordered, _size(data.get("imgsz")))


def _entries(name: str, texts: Mapping[str, str]) -> Mapping[str, Any]:
    for member in MEMBERS:
        if member in texts:
            data = _literal(name, texts[member]) if member.endswith(".txt") else _json(name, texts[member])
            return data if isinstance(data, dict) else {}
    return {key: text if key == "task" else _literal(name, text) for key, text in texts.items() if key in ("names", "imgsz", "task")}


def _json(name: str, text: str) -> Any:
    try:
        return parse_json(text)
    except InputRefused as refusal:
        raise InputRefused(name, f"its metadata: {refusal.reason}") from refusal


def _literal(name: str, text: str) -> Any:
    if len(text) > MAX_LITERAL_BYTES:
        raise InputRefused(name, f"expected metadata of at most {MAX_LITERAL_BYTES} bytes, found {len(text)}")
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise InputRefused(name, f"its metadata are no Python literal: {text[:50]!r}") from error


def _size(data: Any) -> tuple[int, int] | None:
    sides = [data, data] if type(data) is int else data
    if not isinstance(sides, list | tuple) or len(sides) != 2 or not all(type(side) is int for side in sides):
        return None
    return sides[0], sides[1]
