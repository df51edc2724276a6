"""Tests the drawing of test and validation images."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from runtime.errors import InputRefused
from train.data.groups import ALIKE
from train.data.split import SplitFractions, assign_splits
from workstation.run_folder import ImageRecord


def _images(**counts: int) -> list[ImageRecord]:
    return [
        ImageRecord("train", label, f"{label}/{n}.jpg", f"{label}-{n:04}")
        for label, count in counts.items()
        for n in range(count)
    ]


def _by_content(images: list[ImageRecord]) -> dict[str, str]:
    return {image.sha256: image.split for image in images}


def test_every_split_holds_every_class_in_proportion() -> None:
    split = assign_splits(_images(a=200, b=100, c=5), SplitFractions(0.2, 0.1), 7)
    counts = Counter((image.label, image.split) for image in split)
    assert [counts["a", name] for name in ("train", "val", "test")] == [144, 16, 40]
    assert [counts["b", name] for name in ("train", "val", "test")] == [72, 8, 20]
    assert [counts["c", name] for name in ("train", "val", "test")] == [3, 1, 1]


def test_same_seed_draws_the_same_and_another_seed_another() -> None:
    images = _images(a=50, b=50)
    one = assign_splits(images, SplitFractions(), 7)
    assert assign_splits(images, SplitFractions(), 7) == one
    other = assign_splits(images, SplitFractions(), 8)
    assert _by_content(other) != _by_content(one)
    assert Counter(_by_content(other).values()) == Counter(_by_content(one).values())


def test_split_is_not_the_first_images_by_name() -> None:
    split = assign_splits(_images(a=100), SplitFractions(0.2, 0.1), 7)
    numbers = [n for n, image in enumerate(split) if image.split == "test"]
    assert min(numbers) < 50 < max(numbers)
    assert numbers not in (list(range(20)), list(range(80, 100)))


def test_names_and_order_of_files_change_nothing() -> None:
    images = _images(a=50, b=50)
    moved = [replace(image, path=f"elsewhere/{n}.png") for n, image in enumerate(reversed(images))]
    assert _by_content(assign_splits(moved, SplitFractions(), 7)) == _by_content(
        assign_splits(images, SplitFractions(), 7)
    )


def test_copies_of_one_image_stay_together() -> None:
    once = _images(a=30, b=30)
    copies = [replace(image, path=f"{image.path}.copy{n}") for image in once for n in range(4)]
    split = assign_splits(once + copies, SplitFractions(0.3, 0.3), 7)
    places: dict[str, set[str]] = {}
    for image in split:
        places.setdefault(image.sha256, set()).add(image.split)
    assert all(len(names) == 1 for names in places.values())
    assert {next(iter(names)) for names in places.values()} == {"train", "val", "test"}


def test_split_that_is_there_is_kept_and_only_the_other_is_drawn() -> None:
    own = [replace(image, split="test", sha256="own" + image.sha256) for image in _images(a=3, b=4)]
    split = assign_splits(_images(a=40, b=40) + own, SplitFractions(0.2, 0.1), 7)
    assert [image.sha256[:3] for image in split if image.split == "test"] == ["own"] * 7
    assert Counter(image.label for image in split if image.split == "val") == {"a": 4, "b": 4}


def test_refused_images_are_never_drawn() -> None:
    refused = [
        replace(image, split="refused", sha256="", reason="broken") for image in _images(a=50)
    ]
    split = assign_splits(refused + _images(b=10, a=10), SplitFractions(0.5, 0.5), 7)
    assert split[:50] == refused


@pytest.mark.parametrize("value", [0, -0.1, 0.51, 1, float("nan")])
def test_fraction_out_of_range_is_refused_by_the_name_of_its_option(value: float) -> None:
    with pytest.raises(InputRefused, match="--test-fraction"):
        SplitFractions(test=value)
    with pytest.raises(InputRefused, match="--val-fraction"):
        SplitFractions(val=value)


def _groups(label: str, *sizes: int) -> list[tuple[str, ...]]:
    """Groups of that many images of a class, one after another."""
    ends = [sum(sizes[:n]) for n in range(len(sizes) + 1)]
    return [tuple(f"{label}-{n:04}" for n in range(start, end)) for start, end in pairwise(ends)]


def _grouped(
    images: list[ImageRecord], groups: list[tuple[str, ...]], prefix: str = ALIKE
) -> list[ImageRecord]:
    name_of = {sha256: f"{prefix}{n}" for n, group in enumerate(groups) for sha256 in group}
    return [replace(image, group=name_of.get(image.sha256, "")) for image in images]


def _together(images: list[ImageRecord], groups: list[tuple[str, ...]]) -> bool:
    places = _by_content(images)
    return all(len({places[sha256] for sha256 in group}) == 1 for group in groups)


@pytest.mark.parametrize("seed", range(20))
def test_groups_stay_together_and_the_fractions_hold(seed: int) -> None:
    groups = _groups("a", 30, 9, 5, *[2] * 20) + _groups("b", *[10] * 10)
    split = assign_splits(_grouped(_images(a=200, b=100), groups), SplitFractions(0.2, 0.1), seed)
    assert _together(split, groups)
    counts = Counter((image.label, image.split) for image in split)
    assert 30 <= counts["a", "test"] <= 40
    assert 10 <= counts["a", "val"] <= 17
    assert counts["b", "test"] == 20
    assert counts["b", "val"] == 10, "one group, since a whole one is nearer than none"


@pytest.mark.parametrize("seed", range(20))
def test_group_that_is_most_of_a_class_leaves_every_split_some(seed: int) -> None:
    groups = _groups("a", 80)
    split = assign_splits(_grouped(_images(a=100, b=100), groups), SplitFractions(0.2, 0.1), seed)
    assert _together(split, groups)
    counts = Counter((image.label, image.split) for image in split)
    assert counts["a", "test"] == 8
    assert 1 <= counts["a", "val"] <= 3
    single = [
        image
        for image in split
        if image.split == "train" and int(image.sha256[2:]) >= 80 and image.label == "a"
    ]
    assert len(single) >= 9, "what is not the burst does not all leave the training"


def test_three_clips_are_enough_for_three_splits() -> None:
    groups = _groups("a", 30, 40, 50)
    split = assign_splits(_grouped(_images(a=120, b=50), groups), SplitFractions(0.2, 0.1), 7)
    places = _by_content(split)
    assert {places[sha256] for sha256 in groups[0]} == {"test"}
    assert Counter(image.split for image in split if image.label == "a") == {
        "test": 30,
        "val": 9,
        "train": 81,
    }


@pytest.mark.parametrize(("sizes", "val"), [((112, 113), 22), ((40, 185), 40)])
def test_validation_takes_a_part_of_a_group_rather_than_half_of_a_class(
    sizes: tuple[int, ...], val: int
) -> None:
    """As Cherry Wax Black in fruits360-16, whose test images come in a folder of their own."""
    tests = [replace(image, split="test") for image in _images(b=3)]
    split = assign_splits(
        _grouped(_images(a=225, b=50), _groups("a", *sizes)) + tests, SplitFractions(0.2, 0.1), 7
    )
    assert Counter(image.split for image in split if image.label == "a") == {
        "val": val,
        "train": 225 - val,
    }


@pytest.mark.parametrize("sizes", [(20,), (12, 8), (19, 1)])
def test_groups_too_few_for_the_splits_are_taken_apart_in_their_class_only(
    sizes: tuple[int, ...],
) -> None:
    others = _groups("b", 5, 5)
    split = assign_splits(
        _grouped(_images(a=20, b=50), _groups("a", *sizes) + others), SplitFractions(0.2, 0.1), 7
    )
    assert Counter(image.split for image in split if image.label == "a") == {
        "test": 4,
        "val": 2,
        "train": 14,
    }
    assert _together(split, others)


def test_group_of_two_classes_stays_together_and_no_class_goes_without() -> None:
    groups = [tuple(f"{label}-{n:04}" for label in "ab" for n in range(15)), *_groups("c", 3)]
    split = assign_splits(_grouped(_images(a=18, b=20, c=20), groups), SplitFractions(0.2, 0.1), 7)
    counts = Counter((image.label, image.split) for image in split)
    assert all(counts[label, name] for label in "abc" for name in ("train", "val", "test"))
    assert _together(split, groups)


def test_groups_of_other_splits_and_of_refused_images_do_no_harm() -> None:
    own = [replace(image, split="test", sha256="own" + image.sha256) for image in _images(a=3, b=4)]
    groups = [("a-0000", "a-0001", "owna-0000", "refused"), ("own-b-0001", "gone")]
    split = assign_splits(_grouped(_images(a=40, b=40) + own, groups), SplitFractions(0.2, 0.1), 7)
    assert Counter(image.label for image in split if image.split == "val") == {"a": 4, "b": 4}
    assert _by_content(split)["a-0000"] == _by_content(split)["a-0001"]


def test_without_groups_the_split_is_the_one_of_before_there_were_any() -> None:
    tested = [
        image.sha256
        for image in assign_splits(_images(a=20, b=10), SplitFractions(), 7)
        if image.split == "test"
    ]
    assert tested == ["a-0003", "a-0008", "a-0012", "a-0013", "b-0000", "b-0005"]


@pytest.mark.parametrize("seed", range(10))
def test_objects_go_whole_to_test_and_validation(seed: int) -> None:
    """A whole object goes to validation even if it is much more than a tenth of the class."""
    objects = _groups("a", *[40] * 5) + _groups("b", *[10] * 10)
    images = _grouped(_images(a=200, b=100), objects, "object ")
    split = assign_splits(images, SplitFractions(0.2, 0.1), seed)
    assert _together(split, objects)
    counts = Counter((image.label, image.split) for image in split)
    assert [counts["a", name] for name in ("train", "val", "test")] == [120, 40, 40]
    assert [counts["b", name] for name in ("train", "val", "test")] == [70, 10, 20]


@pytest.mark.parametrize(
    ("objects", "whole_test", "whole_val"), [(4, True, True), (3, True, False), (1, False, False)]
)
def test_training_keeps_two_objects_after_validation_and_one_after_the_test(
    objects: int, whole_test: bool, whole_val: bool
) -> None:
    groups = _groups("a", *[20] * objects)
    images = _grouped(_images(a=20 * objects), groups, "object ")
    split = assign_splits(images, SplitFractions(0.25, 0.1), 7)
    seen = {image.group for image in split if image.split == "train"}
    for name, whole in (("test", whole_test), ("val", whole_val)):
        held_out = {image.group for image in split if image.split == name}
        assert held_out
        assert held_out.isdisjoint(seen) == whole, name
