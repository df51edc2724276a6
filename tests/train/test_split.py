"""The drawing of test and validation pictures."""

from collections import Counter
from dataclasses import replace

import pytest

from runtime.errors import InputRefused
from runtime.run_folder import Picture
from train.split import Fractions, assign_splits


def _pictures(**counts: int) -> list[Picture]:
    return [Picture("train", label, f"{label}/{n}.jpg", f"{label}-{n:04}") for label, count in counts.items() for n in range(count)]


def _by_content(pictures: list[Picture]) -> dict[str, str]:
    return {picture.sha256: picture.split for picture in pictures}


def test_every_split_holds_every_class_in_proportion() -> None:
    split = assign_splits(_pictures(a=200, b=100, c=5), Fractions(0.2, 0.1), 7)
    counts = Counter((picture.label, picture.split) for picture in split)
    assert [counts["a", name] for name in ("train", "val", "test")] == [144, 16, 40]
    assert [counts["b", name] for name in ("train", "val", "test")] == [72, 8, 20]
    assert [counts["c", name] for name in ("train", "val", "test")] == [3, 1, 1]


def test_same_seed_draws_the_same_and_another_seed_another() -> None:
    pictures = _pictures(a=50, b=50)
    one = assign_splits(pictures, Fractions(), 7)
    assert assign_splits(pictures, Fractions(), 7) == one
    other = assign_splits(pictures, Fractions(), 8)
    assert _by_content(other) != _by_content(one)
    assert Counter(_by_content(other).values()) == Counter(_by_content(one).values())


def test_split_is_not_the_first_pictures_by_name() -> None:
    split = assign_splits(_pictures(a=100), Fractions(0.2, 0.1), 7)
    numbers = [n for n, picture in enumerate(split) if picture.split == "test"]
    assert min(numbers) < 50 < max(numbers)
    assert numbers not in (list(range(20)), list(range(80, 100)))


def test_names_and_order_of_files_change_nothing() -> None:
    pictures = _pictures(a=50, b=50)
    moved = [replace(picture, path=f"elsewhere/{n}.png") for n, picture in enumerate(reversed(pictures))]
    assert _by_content(assign_splits(moved, Fractions(), 7)) == _by_content(assign_splits(pictures, Fractions(), 7))


def test_copies_of_one_picture_stay_together() -> None:
    once = _pictures(a=30, b=30)
    copies = [replace(picture, path=f"{picture.path}.copy{n}") for picture in once for n in range(4)]
    split = assign_splits(once + copies, Fractions(0.3, 0.3), 7)
    places: dict[str, set[str]] = {}
    for picture in split:
        places.setdefault(picture.sha256, set()).add(picture.split)
    assert all(len(names) == 1 for names in places.values())
    assert {next(iter(names)) for names in places.values()} == {"train", "val", "test"}


def test_split_that_is_there_is_kept_and_only_the_other_is_drawn() -> None:
    own = [replace(picture, split="test", sha256="own" + picture.sha256) for picture in _pictures(a=3, b=4)]
    split = assign_splits(_pictures(a=40, b=40) + own, Fractions(0.2, 0.1), 7)
    assert [picture.sha256[:3] for picture in split if picture.split == "test"] == ["own"] * 7
    assert Counter(picture.label for picture in split if picture.split == "val") == {"a": 4, "b": 4}


def test_refused_pictures_are_never_drawn() -> None:
    refused = [replace(picture, split="refused", sha256="", reason="broken") for picture in _pictures(a=50)]
    split = assign_splits(refused + _pictures(b=10, a=10), Fractions(0.5, 0.5), 7)
    assert split[:50] == refused


@pytest.mark.parametrize("value", [0, -0.1, 0.51, 1, float("nan")])
def test_fraction_out_of_range_is_refused_by_the_name_of_its_option(value: float) -> None:
    with pytest.raises(InputRefused, match="--test-fraction"):
        Fractions(test=value)
    with pytest.raises(InputRefused, match="--val-fraction"):
        Fractions(val=value)
