"""Tests how image folders become data sets: splits, classes and their names."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from train.data.dataset import Dataset, build_dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import scan_image_folder
from train.data.split import SplitFractions
from workstation.run_folder import read_images, write_images


def _scan(root: Path, pixel_cache: PixelCache, seed: int = 7) -> Dataset:
    return build_dataset(scan_image_folder(root), pixel_cache, SplitFractions(), seed)


def test_real_folder_is_split_with_every_class_in_every_split(
    cells: Path, pixel_cache: PixelCache
) -> None:
    data = _scan(cells, pixel_cache)
    assert data.labels == ("mono", "poly")
    assert len(data.images) == 120
    assert Counter((image.split, image.label) for image in data.images) == {
        (split, label): count
        for split, count in (("test", 12), ("val", 5), ("train", 43))
        for label in data.labels
    }
    assert [data.labels[target] for target in data.targets("test")] == [
        image.label for image in data.split("test")
    ]
    assert all(image.path.startswith(image.label) for image in data.images)


@pytest.mark.parametrize(
    ("training", "validation", "test"),
    [("Training", "Validation", "Test"), ("train", "val", "test"), ("TRAIN", "VAL", "TEST")],
)
def test_split_folders_are_used_as_they_are(
    tmp_path: Path, pixel_cache, fill, training: str, validation: str, test: str
) -> None:
    wanted = {}
    for folder, split, count in ((training, "train", 8), (validation, "val", 2), (test, "test", 3)):
        for label in ("a", "b"):
            wanted |= {
                str(file.relative_to(tmp_path)): split
                for file in fill(tmp_path / folder / label, count)
            }
    data = _scan(tmp_path, pixel_cache)
    assert data.labels == ("a", "b")
    assert {image.path: image.split for image in data.images} == wanted


def test_only_what_no_folder_says_is_drawn(tmp_path: Path, pixel_cache, fill) -> None:
    for label in ("a", "b"):
        fill(tmp_path / "Training" / label, 20)
        fill(tmp_path / "Test" / label, 4)
    data = _scan(tmp_path, pixel_cache)
    assert Counter((image.split, image.path.split("/")[0]) for image in data.images) == {
        ("train", "Training"): 36,
        ("val", "Training"): 4,
        ("test", "Test"): 8,
    }
    assert {image.label for image in data.split("val")} == {"a", "b"}


def test_odd_class_names_survive_to_the_labels_and_to_images_csv(
    tmp_path: Path, pixel_cache, fill
) -> None:
    names = [
        "café noir",
        "猫",
        "a=b",
        "<b>x",
        'quote"comma,',
        "l" * 200,
        "line\nbreak",
        "'; DROP TABLE",
    ]
    for name in names:
        fill(tmp_path / "data" / name, 5)
    data = _scan(tmp_path / "data", pixel_cache)
    assert set(data.labels) == set(names)
    assert Counter(image.label for image in data.images) == dict.fromkeys(names, 5)
    write_images(tmp_path, list(data.images))
    assert read_images(tmp_path) == list(data.images)


def test_both_unicode_forms_of_a_name_are_one_class(tmp_path: Path, pixel_cache, fill) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != decomposed
    for folder in (f"Training/{decomposed}", "Training/tea", f"Test/{composed}", "Test/tea"):
        fill(tmp_path / folder, 8)
    data = _scan(tmp_path, pixel_cache)
    assert data.labels == (composed, "tea")
    assert Counter(image.label for image in data.split("test")) == {composed: 8, "tea": 8}
