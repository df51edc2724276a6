"""Reads class names from a labels file as people write them: one a line, with or without an index or a synset number in front."""

import re
from collections import Counter
from pathlib import Path

from runtime.errors import InputRefused
from runtime.records import read_text

SYNSET = re.compile(r"n\d{8}[\s,:]+(\S.*)")
"""WordNet's noun numbers, as ImageNet's lists have them: `n07753592 banana`."""
NUMBERED = re.compile(r"(\d{1,9})[\s,:]+(\S.*)")


def read_labels(path: Path) -> tuple[str, ...]:
    """The class names in a labels file, in output order, as `parse_labels` reads them.

    Raises:
        InputRefused: missing, not UTF-8, a name twice, or what `parse_labels` refuses; says which lines.
    """
    names = read_repeated_labels(path)
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if name in seen:
            raise InputRefused(str(path), f"lines {seen[name]} and {number} are both {name!r}; expected a name of its own for each class")
        seen[name] = number
    return names


def read_repeated_labels(path: Path) -> tuple[str, ...]:
    """As `read_labels`, but a name may stand twice, as 'crane' and 'maillot' do in ImageNet's lists.

    Raises:
        InputRefused: missing, not UTF-8, or what `parse_labels` refuses.
    """
    if not path.is_file():
        raise InputRefused(str(path), "not a file" if path.exists() else "no such file; expected the class names, one a line")
    return parse_labels(read_text(path, "no labels"), str(path))


def parse_labels(text: str, thing: str) -> tuple[str, ...]:
    """The class names in a text that an error calls `thing`. A byte order mark, CRLF, blank lines at the end and a missing last line break
    are taken. Synset numbers and indices in front are stripped where every line has one, indices only if they count the lines from 0 or 1.

    Raises:
        InputRefused: empty, a blank line between names, or indices out of order; says which line.
    """
    lines = [line.strip() for line in re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff"))]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise InputRefused(thing, "holds no class names; expected one a line")
    if "" in lines:
        raise InputRefused(thing, f"line {lines.index('') + 1} is blank; expected a class name on each")
    return _without_prefix(thing, lines)


def told_apart(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, with the place of its output (from 0) behind each that stands more than once: `crane (134)`, `crane (517)`."""
    counts = Counter(names)
    return tuple(f"{name} ({place})" if counts[name] > 1 else name for place, name in enumerate(names))


def check_count(thing: Path | str, labels: tuple[str, ...], classes: int) -> None:
    """Raises InputRefused, with both numbers, where there are not as many labels as the model has outputs."""
    if len(labels) != classes:
        raise InputRefused(
            str(thing), f"has {len(labels)} labels, the model {classes} outputs; expected one label an output, in their order"
        )


def _without_prefix(thing: str, lines: list[str]) -> tuple[str, ...]:
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
            raise InputRefused(thing, f"its indices are out of order at line {line}; sort them in the order of the model's outputs")
        return tuple(found[2] for found in numbered)
    return tuple(lines)


def _all(pattern: re.Pattern[str], lines: list[str]) -> list[re.Match[str]]:
    """The match of every line, or none where one line does not match."""
    found = [match for match in map(pattern.fullmatch, lines) if match]
    return found if len(found) == len(lines) else []
