"""Reads class names from JSON, hands CSV on, and refuses other formats by name.

People pass such files as labels files, and their lines must not be counted as names.
"""

import codecs
import re
from typing import Any

from runtime.errors import InputRefused
from runtime.models.label_csv import NEXT_STEP, read_csv_labels, sort_by_index
from runtime.system.json_records import parse_json

ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""The byte order marks, and the encodings they stand for; UTF-16's is the start of UTF-32's."""
JSON_START = re.compile(r"\s*(\{\s*([\"'}]|\d+\s*:)|\[\s*([\"'{\]]|\[))")
OTHER_FORMATS = (
    (re.compile(r"\Aversion https://git-lfs"), "a pointer that `git lfs pull` replaces"),
    (re.compile(r"\A\s*item\s*\{"), "a label map of TensorFlow (.pbtxt)"),
    (re.compile(r"\A\s*<(\?xml|!doctype|html|annotation)", re.IGNORECASE), "XML or HTML"),
    (re.compile(r"^(names|labels|classes|id2label):[ \t]*([\[{#].*)?\r?$", re.MULTILINE), "YAML"),
)
LABEL_KEYS = ("id2label", "label2id", "names", "labels", "classes", "class_names")
"""The keys of a JSON object under which other programs keep the class names."""


def decode_labels(content: bytes, thing: str) -> str:
    """Returns the text of a labels file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    Raises:
        InputRefused: the content is in another encoding, or is no text.
    """
    encoding = next((name for mark, name in ENCODINGS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputRefused(
            thing,
            f"not {encoding.removesuffix('-sig').upper()} text; save it as UTF-8, or {NEXT_STEP}",
        ) from error
    if "\0" in text:
        raise InputRefused(
            thing,
            "has zero bytes: it is UTF-16 without a byte order mark, or no text;"
            f" save it as UTF-8, or {NEXT_STEP}",
        )
    return text


def read_label_table(text: str, thing: str) -> tuple[str, ...] | None:
    """Returns the class names in JSON or in CSV with a heading, or None if `text` is neither.

    Raises:
        InputRefused: it is JSON or CSV without the class names, or YAML, XML or a label map of
            TensorFlow.
    """
    if JSON_START.match(text) or thing.lower().endswith((".json", ".jsonl")):
        return _read_json(text, thing)
    for pattern, format_name in OTHER_FORMATS:
        if pattern.search(text):
            raise InputRefused(thing, f"is {format_name}, not a list of names; {NEXT_STEP}")
    return read_csv_labels(text, thing)


def _read_json(text: str, thing: str) -> tuple[str, ...]:
    try:
        data = parse_json(text)
    except InputRefused as refusal:
        raise InputRefused(
            thing,
            f"looks like JSON, but cannot be read: {refusal.reason}; correct it, or {NEXT_STEP}",
        ) from refusal
    return names_in_json(data, thing)


def names_in_json(data: Any, thing: str) -> tuple[str, ...]:
    """Returns the class names in parsed JSON, in output order; errors call it `thing`.

    Raises:
        InputRefused: it is neither a list of names nor a table of names and numbers.
    """
    if isinstance(data, dict):
        tables = [data[key] for key in LABEL_KEYS if isinstance(data.get(key), dict | list)]
        data = tables[0] if tables else data
    if isinstance(data, dict):
        names = _names_by_index(data, thing)
    else:
        names = data if isinstance(data, list) else None
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        keys = f" (its keys: {', '.join(list(data)[:5])})" if isinstance(data, dict) else ""
        raise InputRefused(
            thing,
            f"is JSON without a list of names{keys}; expected"
            ' ["apple", "pear"], {"0": "apple", "1": "pear"} or {"id2label": {...}};'
            f" or {NEXT_STEP}",
        )
    return tuple(name.strip() for name in names)


def _names_by_index(table: dict[str, Any], thing: str) -> list[Any] | None:
    """Returns the names of {"0": name}, {"0": [synset, name]} or {name: 0}; None if it is neither.

    Keras has the second form for ImageNet, and the third in `class_indices`.
    """
    if table and all(type(value) is int for value in table.values()):
        return sort_by_index(list(table.values()), list(table), thing)
    if not all(re.fullmatch(r"\d{1,9}", key) for key in table):
        return None
    names = [
        value[1] if isinstance(value, list) and len(value) == 2 else value
        for value in table.values()
    ]
    return sort_by_index([int(key) for key in table], names, thing)
