"""Reads and writes labels files, with one class name a line.

A line may start with an index or a WordNet synset number, as many published lists have them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from runtime.errors import InputRefused
from runtime.models.label_csv import NEXT_STEP, count_the_lines
from runtime.models.label_tables import decode_labels, read_label_table
from runtime.system.json_records import parse_json, read_content
from runtime.system.terminal import escape_unprintable

SYNSET = re.compile(r"n\d{8}[\s,:]+(?P<name>\S.*)")
"""Matches a line of ImageNet's lists, which have WordNet's noun numbers: `n07753592 banana`."""
NUMBERED = re.compile(r"(?P<index>\d{1,9})[.)]?(?:\s+-)?[\s,:;]+(?P<name>\S.*)")
"""Matches `0 banana`, `1. banana`, `1) banana`, `0: banana` and `0 - banana`."""
MANIFEST = "manifest.json"
"""A manifest beside a labels file that Quince wrote has the same labels."""


def read_labels(path: Path, folder_names: Collection[str] = ()) -> tuple[str, ...]:
    """Returns the class names in a labels file, in output order, as `parse_labels` reads them.

    Raises:
        InputRefused: the file is missing, has a name twice, or `decode_labels` or `parse_labels`
            refuses it; the message names the lines.
    """
    names = read_repeated_labels(path, folder_names)
    first_lines: dict[str, int] = {}
    for line, name in enumerate(names, start=1):
        if name in first_lines:
            raise InputRefused(
                str(path),
                f"lines {first_lines[name]} and {line} are both {name!r};"
                " expected a name of its own for each class",
            )
        first_lines[name] = line
    return names


def read_repeated_labels(path: Path, folder_names: Collection[str] = ()) -> tuple[str, ...]:
    """Returns class names as `read_labels` does, but accepts a name that stands twice.

    ImageNet's lists have 'crane' and 'maillot' twice.

    Raises:
        InputRefused: the file is missing, or `decode_labels` or `parse_labels` refuses it.
    """
    if not path.is_file():
        reason = "not a file" if path.exists() else "no such file"
        raise InputRefused(str(path), f"{reason}; expected the class names, one a line")
    text = decode_labels(read_content(path, "no labels"), str(path))
    return _labels_of_bundle(path, text) or parse_labels(text, str(path), folder_names)


def parse_labels(text: str, thing: str, folder_names: Collection[str] = ()) -> tuple[str, ...]:
    """Returns the class names in a text; errors call it `thing`.

    A byte order mark, CRLF, blank lines at the end and a missing last line break are accepted.
    `read_label_table` reads JSON, and CSV with a heading. Of other texts, synset numbers are
    stripped if every line has one. Indices are stripped if they count the lines from 0 or 1, in
    order, and the names without them differ. Of names with and without index, those win that more
    `folder_names` (class folders, if known) have. Names are in Unicode's composed form (NFC), as
    those of class folders are.

    Raises:
        InputRefused: the text is empty, is in another format, a line between names is blank, or the
            indices are out of order; the message names the line.
    """
    text = unicodedata.normalize("NFC", text.removeprefix("\ufeff"))
    if (names := read_label_table(text, thing)) is not None:
        return names
    lines = [line.strip() for line in re.split(r"\r\n|\n|\r", text)]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise InputRefused(thing, "holds no class names; expected one a line")
    if "" in lines:
        raise InputRefused(
            thing, f"line {lines.index('') + 1} is blank; expected a class name on each"
        )
    if len(lines) == 1 and (separator := re.search(r"[,;|\t]", lines[0])):
        raise InputRefused(
            thing, f"has all names on one line with '{separator[0]}' between them; {NEXT_STEP}"
        )
    return _strip_prefixes(thing, lines, folder_names)


def labels_text(labels: tuple[str, ...]) -> str:
    """Returns a text with one label a line, with characters escaped that break lines."""
    return "".join(f"{escape_unprintable(label)}\n" for label in labels)


def labels_file_text(labels: tuple[str, ...]) -> str:
    """Returns the text of a labels file that `parse_labels` reads back as `labels`.

    It is `labels_text`. Where `parse_labels` would take a part of the names for an index, or the
    text for another format, each line gets an index, and `parse_labels` strips that.
    """
    text = labels_text(labels)
    try:
        is_read_back = parse_labels(text, "labels") == tuple(map(str.strip, text.splitlines()))
    except InputRefused:
        is_read_back = False
    if is_read_back:
        return text
    return "".join(f"{index} {line}\n" for index, line in enumerate(text.splitlines()))


def make_labels_unique(names: tuple[str, ...]) -> tuple[str, ...]:
    """Appends the output's index, from 0, to each name that stands more than once.

    Two `crane` become `crane (134)` and `crane (517)`.
    """
    counts = Counter(names)
    return tuple(
        f"{name} ({index})" if counts[name] > 1 else name for index, name in enumerate(names)
    )


def check_label_count(thing: Path | str, labels: tuple[str, ...], classes: int) -> None:
    """Raises InputRefused, with both numbers, unless there are as many labels as outputs."""
    if len(labels) != classes:
        raise InputRefused(
            str(thing),
            f"has {len(labels)} labels, but the model has {classes} outputs;"
            " expected one label an output, in their order",
        )


def _labels_of_bundle(path: Path, text: str) -> tuple[str, ...] | None:
    """Returns the labels in the manifest beside a labels file, if the file has the same."""
    manifest = path.with_name(MANIFEST)
    if path == manifest or not manifest.is_file():
        return None
    try:
        data = parse_json(read_content(manifest, "no labels"))
    except InputRefused:
        return None
    labels = data.get("labels") if isinstance(data, dict) else None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return None
    names = tuple(labels)
    return names if text in (labels_text(names), labels_file_text(names)) else None


def _strip_prefixes(thing: str, lines: list[str], folder_names: Collection[str]) -> tuple[str, ...]:
    whole = tuple(lines)
    if synsets := _match_all(SYNSET, lines):
        names = tuple(match["name"] for match in synsets)
        return whole if _is_better(whole, names, folder_names) else names
    numbered = _match_all(NUMBERED, lines)
    indices = [int(match["index"]) for match in numbered]
    names = tuple(match["name"] for match in numbered)
    if not indices or not count_the_lines(indices) or len(set(names)) < len(names):
        return whole
    if _is_better(whole, names, folder_names):
        return whole
    for line, (index, expected) in enumerate(zip(indices, sorted(indices), strict=True), start=1):
        if index != expected:
            raise InputRefused(
                thing,
                f"its indices are out of order at line {line}; sort the lines in the order of the"
                " model's outputs, or, if the numbers belong to the names, put an index before"
                f" each, such as '0 {lines[0]}'",
            )
    return names


def _is_better(
    whole: tuple[str, ...], names: tuple[str, ...], folder_names: Collection[str]
) -> bool:
    """Whether more folders are named as a whole line than as a name without its prefix."""
    folders = {unicodedata.normalize("NFC", name) for name in folder_names}
    whole_count, name_count = (
        len(folders & {unicodedata.normalize("NFC", label) for label in labels})
        for labels in (whole, names)
    )
    return whole_count > name_count


def _match_all(pattern: re.Pattern[str], lines: list[str]) -> list[re.Match[str]]:
    """Returns the match of every line, or nothing if one line does not match."""
    matches = [match for match in map(pattern.fullmatch, lines) if match]
    return matches if len(matches) == len(lines) else []
