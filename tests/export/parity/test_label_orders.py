"""Orders of labels: the usual ones, and one fitted to answers."""

import numpy as np
import pytest

from export.parity.label_orders import fitted_order, truth_in_order, usual_orders


def test_each_usual_order_that_differs_is_tried() -> None:
    labels = ("class10", "Class2", "class1")
    assert dict(usual_orders(labels)) == {
        "reversed": ("class1", "Class2", "class10"),
        "alphabetical": ("Class2", "class1", "class10"),
        "dictionary": ("class1", "class10", "Class2"),
        "numerical": ("Class2", "class1", "class10"),
    }
    assert list(usual_orders(("a", "b"))) == [("reversed", ("b", "a"))]


@pytest.mark.parametrize("order", [("c", "a", "b"), ("a", "b", "c"), ("b", "a", "c")])
def test_the_order_of_the_outputs_is_found_from_answers(order: tuple[str, ...]) -> None:
    labels = ("a", "b", "c")
    truth = np.array([0, 1, 2] * 5)
    answers = np.array([order.index(labels[index]) for index in truth])
    answers[0] = (answers[0] + 1) % 3
    assert fitted_order(truth, answers, labels) == order


def test_classes_without_images_keep_their_places() -> None:
    order = fitted_order(np.array([0, 0, 2]), np.array([2, 2, 0]), ("a", "b", "c", "d"))
    assert order == ("c", "b", "a", "d")


def test_the_truth_follows_its_label() -> None:
    moved = truth_in_order(np.array([0, 1, 2]), ("a", "b", "c"), ("c", "a", "b"))
    assert moved.tolist() == [1, 2, 0]


def test_names_with_signs_that_only_look_like_numbers_are_sorted() -> None:
    assert len(dict(usual_orders(("m²", "m10", "m٣")))) >= 1
