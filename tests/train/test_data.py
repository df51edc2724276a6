"""Folders become a data set: layouts, classes and their names."""

import os
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from runtime.errors import InputRefused
from runtime.run_folder import read_pictures, write_pictures
from train.cache import PixelCache
from train.data import DataSet, find_labels, scan
from train.split import Fractions


def _scan(root: Path, pixel_cache: PixelCache, seed: int = 7) -> DataSet:
    return scan(root, pixel_cache, Fractions(), seed)


def _refusal(root: Path) -> str:
    with pytest.raises(InputRefused) as caught:
        find_labels(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_real_folder_is_split_with_every_class_in_every_split(cells: Path, pixel_cache: PixelCache) -> None:
    data = _scan(cells, pixel_cache)
    assert data.labels == ("mono", "poly")
    assert len(data.pictures) == 120
    assert Counter((picture.split, picture.label) for picture in data.pictures) == {
        (split, label): count for split, count in (("test", 12), ("val", 5), ("train", 43)) for label in data.labels
    }
    assert [data.labels[target] for target in data.targets("test")] == [picture.label for picture in data.split("test")]
    assert all(picture.path.startswith(picture.label) for picture in data.pictures)


def test_empty_class_folder_is_refused_by_name(tmp_path: Path, fill) -> None:
    fill(tmp_path / "a", 1)
    (tmp_path / "b" / "only-a-folder").mkdir(parents=True)
    assert _refusal(tmp_path).startswith(f"{tmp_path / 'b'}: an empty class folder")


def test_class_folder_with_nothing_but_hidden_files_is_empty(tmp_path: Path, fill) -> None:
    fill(tmp_path / "a", 1)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / ".DS_Store").write_text("x")
    (tmp_path / "b" / "Thumbs.db").write_text("x")
    assert "empty class folder" in _refusal(tmp_path)


def test_single_class_is_refused(tmp_path: Path, fill) -> None:
    fill(tmp_path / "a", 5)
    assert _refusal(tmp_path) == f"{tmp_path}: only one class, 'a'; a classifier needs at least 2"


def test_flat_pictures_are_refused_with_the_layout_that_is_wanted(tmp_path: Path, fill) -> None:
    fill(tmp_path, 5)
    assert "one folder of pictures per class (DIR/banana/1.jpg)" in _refusal(tmp_path)


def test_missing_folder_and_file_are_refused(tmp_path: Path, photos: list[Path]) -> None:
    assert "no such folder" in _refusal(tmp_path / "none")
    assert "not a folder" in _refusal(photos[0])


@pytest.mark.parametrize(
    ("training", "validation", "test"), [("Training", "Validation", "Test"), ("train", "val", "test"), ("TRAIN", "VAL", "TEST")]
)
def test_split_folders_are_used_as_they_are(tmp_path: Path, pixel_cache, fill, training: str, validation: str, test: str) -> None:
    wanted = {}
    for folder, split, count in ((training, "train", 8), (validation, "val", 2), (test, "test", 3)):
        for label in ("a", "b"):
            wanted |= {str(file.relative_to(tmp_path)): split for file in fill(tmp_path / folder / label, count)}
    data = _scan(tmp_path, pixel_cache)
    assert data.labels == ("a", "b")
    assert {picture.path: picture.split for picture in data.pictures} == wanted


def test_only_what_no_folder_says_is_drawn(tmp_path: Path, pixel_cache, fill) -> None:
    for label in ("a", "b"):
        fill(tmp_path / "Training" / label, 20)
        fill(tmp_path / "Test" / label, 4)
    data = _scan(tmp_path, pixel_cache)
    assert Counter((picture.split, picture.path.split("/")[0]) for picture in data.pictures) == {
        ("train", "Training"): 36,
        ("val", "Training"): 4,
        ("test", "Test"): 8,
    }
    assert {picture.label for picture in data.split("val")} == {"a", "b"}


def test_class_of_test_that_training_lacks_is_refused(tmp_path: Path, fill) -> None:
    for folder in ("Training/a", "Training/b", "Test/a", "Test/b", "Test/c"):
        fill(tmp_path / folder, 1)
    assert _refusal(tmp_path).startswith(f"{tmp_path / 'Test' / 'c'}: a class of the test folder that the training folder does not have")


@pytest.mark.parametrize("others", [("Test",), ("Training", "Test", "extra"), ("Training", "train"), ("Training", "Validation", "val")])
def test_split_folders_that_do_not_fit_together_are_refused(tmp_path: Path, fill, others: tuple[str, ...]) -> None:
    for folder in others:
        fill(tmp_path / folder / "a", 1)
        fill(tmp_path / folder / "b", 1)
    assert "beside one Training folder and nothing else" in _refusal(tmp_path)


def test_odd_class_names_survive_to_the_labels_and_to_pictures_csv(tmp_path: Path, pixel_cache, fill) -> None:
    names = ["café noir", "猫", "a=b", "<b>x", 'quote"comma,', "l" * 200, "line\nbreak", "'; DROP TABLE"]
    for name in names:
        fill(tmp_path / "data" / name, 5)
    data = _scan(tmp_path / "data", pixel_cache)
    assert set(data.labels) == set(names)
    assert Counter(picture.label for picture in data.pictures) == dict.fromkeys(names, 5)
    write_pictures(tmp_path, list(data.pictures))
    assert read_pictures(tmp_path) == list(data.pictures)


def test_both_unicode_forms_of_a_name_are_one_class(tmp_path: Path, pixel_cache, fill) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != decomposed
    for folder in (f"Training/{decomposed}", "Training/tea", f"Test/{composed}", "Test/tea"):
        fill(tmp_path / folder, 8)
    data = _scan(tmp_path, pixel_cache)
    assert data.labels == (composed, "tea")
    assert Counter(picture.label for picture in data.split("test")) == {composed: 8, "tea": 8}
    (tmp_path / "Training" / composed).mkdir()
    assert "Unicode form" in _refusal(tmp_path)


def test_class_name_that_is_no_text_is_refused(tmp_path: Path, fill) -> None:
    fill(tmp_path / os.fsdecode(b"caf\xe9"), 1)
    fill(tmp_path / "tea", 1)
    assert "UTF-8" in _refusal(tmp_path)


def test_fruits_keep_their_own_test_folder(fruits: Path) -> None:
    labels = find_labels(fruits)
    assert len(labels) == 16
    assert labels[0] == "Apple Braeburn 1"
