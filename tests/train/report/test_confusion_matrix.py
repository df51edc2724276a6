"""The confusion matrix is large for few classes and small for many, and its labels fit."""

import numpy as np
import pytest

from train.report.confusion_matrix import (
    MAX_CELL_PX,
    MIN_CELL_PX,
    Cell,
    confusion_table,
    shorten,
)


@pytest.mark.parametrize(("classes", "numbers"), [(2, True), (19, True), (35, True), (131, False)])
def test_cells_shrink_with_the_number_of_classes(classes: int, numbers: bool) -> None:
    table = confusion_table([f"class {n}" for n in range(classes)], np.eye(classes, dtype=int))
    assert MIN_CELL_PX <= table.cell_px <= MAX_CELL_PX
    assert 9 <= table.font_px <= table.cell_px, "labels do not run into each other"
    assert table.has_numbers == numbers
    assert len(table.rows) == len(table.labels) == classes


def test_rows_are_the_classes_of_the_images_and_columns_the_predicted() -> None:
    table = confusion_table(["a", "b"], np.array([[3, 1], [0, 2]]))
    assert table.rows == (
        (
            Cell(3, 0.75, True, "a predicted as a: 3 of 4 images"),
            Cell(1, 0.25, False, "a predicted as b: 1 of 4 images"),
        ),
        (None, Cell(2, 1.0, True, "b predicted as b: 2 of 2 images")),
    )


def test_long_labels_are_cut_and_stay_different() -> None:
    labels = [f"Apple Granny Smith from the south {number}" for number in (1, 2)]
    first, second = (shorten(label) for label in labels)
    assert first != second
    assert len(first) <= 24
    assert shorten("banana") == "banana"
