"""The geometry of the confusion matrix: from two large squares to a hundred and more small ones, as numbers for inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, LARGEST_CELL, SMALLEST_CELL = 640, 72, 12
"""Pixels: what the cells together should not exceed, and the sides between which a cell's is."""
LEAST_NUMBER = 18
"""The side from which on there is room for a number."""
CHARACTER = 0.62
"""The mean width of a character, as a part of the font's size."""
MOST_CHARACTERS = 24


@dataclass(frozen=True)
class Cell:
    """One square: its place in pixels, how many pictures, which part of the row that is, 0..1, and what it says in words."""

    x: int
    y: int
    pictures: int
    share: float
    right: bool
    title: str


@dataclass(frozen=True)
class Matrix:
    """The whole drawing in pixels. margin: room for the labels, left and above; cells: those that are not nought."""

    side: int
    font: float
    margin: int
    size: int
    numbers: bool
    labels: tuple[str, ...]
    cells: tuple[Cell, ...]


def matrix(labels: Sequence[str], counts: NDArray[np.integer[Any]]) -> Matrix:
    """Of (classes, classes) counts; rows are the pictures' classes, columns what was said."""
    side = max(SMALLEST_CELL, min(LARGEST_CELL, WIDTH // len(labels)))
    font = min(12.0, 0.8 * side)
    short = tuple(shorten(label) for label in labels)
    totals = counts.sum(1)
    cells = tuple(
        Cell(
            int(column) * side,
            int(row) * side,
            int(counts[row, column]),
            float(counts[row, column] / totals[row]),
            row == column,
            f"{labels[row]} called {labels[column]}: {counts[row, column]} of {totals[row]}",
        )
        for row, column in np.argwhere(counts)
    )
    margin = round(max(map(len, short)) * CHARACTER * font) + 14
    return Matrix(side, font, margin, side * len(labels), side >= LEAST_NUMBER, short, cells)


def shorten(label: str) -> str:
    """A label of at most 24 characters, cut in its middle, where names of classes differ least."""
    half = MOST_CHARACTERS // 2
    return label if len(label) <= MOST_CHARACTERS else f"{label[: half - 1]}…{label[-half:]}"
