"""Reads class names from a labels file as people write them: one a line, with or without an index or a synset number in front."""

import re
from pathlib import Path

from runtime.cli import printable
from runtime.errors import InputRefused
from runtime.records import read_text

SYNSET = re.compile(r"n\d{8}[\s,:]+(\S.*)")
"""WordNet's noun numbers, as ImageNet's lists have them: `n07753592 banana`."""
NUMBERED = re.compile(r"(\d{1,9})[\s,:]+(\S.*)")


def read_labels(path: Path) -> tuple[str, ...]:
    """The class names in output order. A byte order mark, CRLF, blank lines at the end and a missing last line break are taken.

    Synset numbers and indices in front are stripped where every line has one, indices only if they count the lines from 0 or 1.

    Raises:
        InputRefused: missing, not UTF-8, empty, a blank line between names, a name twice, or indices out of order; says which lines.
    """
    if not path.is_file():
        raise InputRefused(str(path), "not a file" if path.exists() else "no such file; expected the class names, one a line")
    text = read_text(path, "no labels").removeprefix("\ufeff")
    lines = [line.strip() for line in re.split(r"\r\n|\n|\r", text)]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise InputRefused(str(path), "holds no class names; expected one a line")
    if "" in lines:
        raise InputRefused(str(path), f"line {lines.index('') + 1} is blank; expected a class name on each")
    names = _without_prefix(path, lines)
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if name in seen:
            raise InputRefused(str(path), f"lines {seen[name]} and {number} are both {name!r}; expected a name of its own for each class")
        seen[name] = number
    return names


def check_count(path: Path, labels: tuple[str, ...], classes: int) -> None:
    """Raises InputRefused, with both numbers, where there are not as many labels as the model has outputs."""
    if len(labels) != classes:
        raise InputRefused(
            str(path), f"has {len(labels)} labels, the model {classes} outputs; expected one label an output, in their order"
        )


def _without_prefix(path: Path, lines: list[str]) -> tuple[str, ...]:
    if synsets := _all(SYNSET, lines):
        return tuple(found[1] for found in synsets)
    numbered = _all(NUMBERED, lines)
    if not numbered:
        return tuple(lines)
    numbers = [int(found[1]) for found in numbered]
    first = min(numbers)
    if first in (0, 1) and sorted(numbers) == list(range(first, first + len(lines))):
        if numbers != sorted(numbers):
            line = next(number for number, found in enumerate(numbers, start=1) if found != first + number - 1)
            raise InputRefused(str(path), f"its indices are out of order at line {line}; sort them in the order of the model's outputs")
        return tuple(found[2] for found in numbered)
    return tuple(lines)


def _all(pattern: re.Pattern[str], lines: list[str]) -> list[re.Match[str]]:
    """The match of every line, or none where one line does not match."""
    found = [match for match in map(pattern.fullmatch, lines) if match]
    return found if len(found) == len(lines) else []


def labels_text(labels: tuple[str, ...]) -> str:
    """The text of labels.txt for other tools: a label a line, what would break a line escaped."""
    return "".join(f"{printable(label)}\n" for label in labels)
