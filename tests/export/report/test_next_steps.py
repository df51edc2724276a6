"""Tests which advice follows from which counts."""

from export.parity.class_findings import ClassFinding
from export.report.next_steps import MAX_STEPS, next_steps
from workstation.similarity.measure import LeftOutClass


def test_two_classes_that_are_taken_for_each_other_are_named_once() -> None:
    orange = ClassFinding("orange", 30, 15, 0, "satsuma", 12, 60)
    satsuma = ClassFinding("satsuma", 20, 12, 0, "orange", 7, 60)
    (step,) = next_steps((orange, satsuma), 0.95)
    assert step.startswith(
        "orange and satsuma overlap: 12 of 30 test images of orange are taken for satsuma, and 7 of"
        " satsuma for orange."
    )


def test_scattered_mistakes_ask_for_more_images() -> None:
    plum = ClassFinding("plum", 30, 20, 0, "fig", 3, 21)
    others = tuple(ClassFinding(label, 30, 30, 0, "", 0, 80) for label in "abc")
    (step,) = next_steps((plum, *others), 0.95)
    assert step == (
        "more images of plum: 20 of 30 test images are right, and the mistakes go to several"
        " classes; it has 21 training images, and the median class has 80"
    )


def test_class_that_is_often_unknown_asks_for_its_other_looks() -> None:
    kiwi = ClassFinding("kiwi", 40, 40, 9, "", 0, 60)
    usual = ClassFinding("lime", 40, 40, 2, "", 0, 60)
    (step,) = next_steps((kiwi, usual), 0.95)
    assert step.startswith("other looks of kiwi: 9 of 40 test images are called unknown")


def test_single_mistakes_are_no_advice_and_a_long_list_is_cut() -> None:
    assert next_steps((ClassFinding("a", 9, 8, 1, "b", 1, 9),), 0.95) == []
    many = tuple(ClassFinding(f"c{number}", 9, 1, 0, "x", 2, 9) for number in range(30))
    assert len(next_steps(many, 0.95)) == MAX_STEPS


def test_classes_that_strangers_are_taken_for_are_named_with_the_measurement() -> None:
    left_out = (
        LeftOutClass("lemon", 20, 0.5, 0.1, "lime", 15),
        LeftOutClass("orange", 30, 0.4, 0.2, "lime", 20),
        LeftOutClass("kiwi", 20, 0.9, 0.7, "lime", 4),
        LeftOutClass("fig", 3, 0.2, 0.3, "plum", 2),
        LeftOutClass("pear", 1, 0.2, 0.0, "apple", 1),
    )
    lime, plum = next_steps((), 0.95, left_out)
    assert lime.startswith(
        "strangers, images of no class, are taken for lime: 20 of 30 test images of orange,"
        " 15 of 20 test images of lemon, when that class is left out. "
    )
    assert plum.startswith(
        "strangers, images of no class, are taken for plum: 2 of 3 test images of fig, "
    )
