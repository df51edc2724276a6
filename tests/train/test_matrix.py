"""The confusion matrix is drawn large for few classes and small for many, and its words fit."""

import numpy as np
import pytest

from train.matrix import LARGEST_CELL, SMALLEST_CELL, matrix, shorten


@pytest.mark.parametrize(("classes", "numbers"), [(2, True), (19, True), (35, True), (131, False)])
def test_size_of_the_squares(classes: int, numbers: bool) -> None:
    drawn = matrix([f"class {n}" for n in range(classes)], np.eye(classes, dtype=int))
    assert SMALLEST_CELL <= drawn.side <= LARGEST_CELL
    assert drawn.font >= 9
    assert drawn.font <= drawn.side, "labels do not run into each other"
    assert drawn.numbers == numbers
    assert drawn.size == classes * drawn.side


def test_squares_stand_in_the_row_of_the_truth_and_the_column_of_the_answer() -> None:
    drawn = matrix(["a", "b"], np.array([[3, 1], [0, 2]]))
    side = drawn.side
    assert [(cell.x // side, cell.y // side, cell.pictures, cell.share, cell.right) for cell in drawn.cells] == [
        (0, 0, 3, 0.75, True),
        (1, 0, 1, 0.25, False),
        (1, 1, 2, 1.0, True),
    ]
    assert drawn.cells[1].title == "a called b: 1 of 4"


def test_long_labels_are_cut_and_stay_different() -> None:
    one, other = shorten("Apple Granny Smith from the south 1"), shorten("Apple Granny Smith from the south 2")
    assert one != other
    assert len(one) <= 24
    assert shorten("banana") == "banana"
    assert matrix(["x" * 1000, "y"], np.eye(2, dtype=int)).margin < 220
