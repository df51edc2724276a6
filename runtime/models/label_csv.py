"""Reads class names from CSV with a heading."""

import csv
import re
from collections.abc import Sequence
from typing import Any

from runtime.errors import InputRefused

NEXT_STEP = "write the class names to a .txt file, one a line, in the order of the model's outputs"
NAME_COLUMNS = frozenset(
    {
        *("name", "label", "class", "class_name", "classname", "label_name", "labelname"),
        *("category", "display_name"),
    }
)
INDEX_COLUMNS = frozenset(
    {
        *("id", "idx", "index", "class_id", "classid", "label_id", "class_index", "label_index"),
        *("output", "number", "nr", "no"),
    }
)


def read_csv_labels(text: str, thing: str) -> tuple[str, ...] | None:
    """Returns the names in a table, or None if it has no heading.

    Raises:
        InputRefused: which column has the names is unclear, or an index or name is missing.
    """
    heading = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t|", key=heading.count)
    try:
        rows = list(csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return None
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return None
    is_csv_file = thing.lower().endswith((".csv", ".tsv"))
    if not _has_heading(rows, is_csv_file=is_csv_file):
        return _read_without_heading(rows, thing) if is_csv_file else None
    heading_cells, *body = rows
    for number, row in enumerate(body, start=2):
        if len(row) != len(heading_cells):
            raise InputRefused(
                thing,
                f"is CSV whose row {number} has {len(row)} columns, but its heading has"
                f" {len(heading_cells)}; put names with '{delimiter}' into double quotes,"
                f" or {NEXT_STEP}",
            )
    return _read_columns(heading_cells, body, thing)


def _read_without_heading(rows: list[list[str]], thing: str) -> tuple[str, ...] | None:
    """Returns the names beside an index, or None if the rows are plain lines."""
    if _is_indexed(rows):
        return tuple(sort_by_index([int(row[0]) for row in rows], [row[1] for row in rows], thing))
    if all(len(row) == 1 for row in rows):
        return None
    raise InputRefused(
        thing,
        f"is a table of {max(map(len, rows))} columns without a heading that tells which of them"
        f" has the names; write the heading 'id,name' above it, or {NEXT_STEP}",
    )


def _read_columns(heading: list[str], body: list[list[str]], thing: str) -> tuple[str, ...]:
    words = [_word(cell) for cell in heading]
    columns = [[row[column] for row in body] for column in range(len(heading))]
    numeric = [_all_numbers(column) for column in columns]
    text_columns = [column for column in range(len(words)) if not numeric[column]]
    name_columns = [column for column in text_columns if words[column] in NAME_COLUMNS]
    index_words = INDEX_COLUMNS | NAME_COLUMNS
    if not name_columns and len(heading) == 2:  # an index, as `_has_heading` saw, and a name
        name_columns, index_words = text_columns, index_words | set(words)
    if not body or len(name_columns) != 1 or "" in columns[name_columns[0]]:
        problem = "a name is missing" if body and len(name_columns) == 1 else "one must be 'name'"
        raise InputRefused(
            thing,
            f"is CSV with the columns {', '.join(heading)}, of which {problem};"
            f" correct it, or {NEXT_STEP}",
        )
    names = columns[name_columns[0]]
    for column, word in enumerate(words):
        if numeric[column] and word in index_words:
            return tuple(sort_by_index([int(cell) for cell in columns[column]], names, thing))
    return tuple(names)


def _has_heading(rows: Sequence[Sequence[str]], *, is_csv_file: bool) -> bool:
    """Whether the first row names the columns.

    It does if its words are usual ones, or if an index is in each row but the first.
    """
    heading, *body = rows
    words = [_word(cell) for cell in heading]
    if len(words) == 1:
        return is_csv_file and words[0] in NAME_COLUMNS
    if words[0] in INDEX_COLUMNS | NAME_COLUMNS and (
        is_csv_file or all(word in INDEX_COLUMNS | NAME_COLUMNS for word in words)
    ):
        return True
    if is_csv_file and any(word in NAME_COLUMNS for word in words):
        return True
    return len(body) > 1 and not heading[0].isdecimal() and _is_indexed(body)


def _is_indexed(rows: Sequence[Sequence[str]]) -> bool:
    """Whether all rows are an index, which counts them from 0 or 1, and a name."""
    if not all(len(row) == 2 and row[1] for row in rows):
        return False
    indices = [row[0] for row in rows]
    if not _all_numbers(indices):
        return False
    return count_the_lines(list(map(int, indices)))


def count_the_lines(indices: Sequence[int]) -> bool:
    """Whether indices, in any order, are those of all lines, from 0 or from 1."""
    first = min(indices)
    return first in (0, 1) and sorted(indices) == list(range(first, first + len(indices)))


def _all_numbers(cells: Sequence[str]) -> bool:
    return bool(cells) and all(re.fullmatch(r"[0-9]{1,9}", cell) for cell in cells)


def _word(cell: str) -> str:
    return re.sub(r"[\s-]+", "_", cell.strip().lower())


def sort_by_index(indices: list[int], names: list[Any], thing: str) -> list[Any]:
    """Returns the names in the order of their indices, which must count from 0 or 1."""
    first = 0 if 0 in indices else 1
    expected = range(first, first + len(indices))
    if sorted(indices) != list(expected):
        gap = next((index for index in expected if indices.count(index) != 1), expected[0])
        count = indices.count(gap)
        found = "is missing" if not count else f"stands {count} times"
        raise InputRefused(
            thing,
            f"has {len(indices)} names, whose indices must count from {first}, but {gap} {found};"
            f" correct the indices, or {NEXT_STEP}",
        )
    order = sorted(range(len(indices)), key=indices.__getitem__)
    return [names[row] for row in order]
