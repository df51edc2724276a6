"""Tests which folders are taken for splits, which for classes, and what is refused."""

from collections import Counter
from pathlib import Path

import pytest

from runtime.errors import InputRefused
from train.data.folder_layout import find_class_folders
from train.data.split_names import split_of


def _make(root: Path, *folders: str) -> None:
    for folder in folders:
        (root / folder).mkdir(parents=True)


def _found(root: Path) -> tuple[dict[tuple[str | None, str], str], str]:
    """Returns the path below `root` of each split and label, and the note."""
    rows, note = find_class_folders(root)
    assert Counter((row.split, row.label) for row in rows).most_common(1)[0][1] == 1
    return {(row.split, row.label): row.path.relative_to(root).as_posix() for row in rows}, note


def _refusal(root: Path) -> str:
    with pytest.raises(InputRefused) as caught:
        find_class_folders(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("split", "names"),
    [
        (
            "train",
            "train Training train_set seg_train training-data trainset TRAIN train_v2",
        ),
        ("val", "val valid validation Validation_Data dev eval evaluation val_images"),
        ("test", "test testing Test_Set seg_test testdata test-images"),
    ],
)
def test_the_usual_names_of_splits_are_known(split: str, names: str) -> None:
    assert {name: split_of(name) for name in names.split()} == dict.fromkeys(names.split(), split)


@pytest.mark.parametrize(
    "name", ["cats", "test tube", "train station", "trainers", "set", "images", "devil", "attest"]
)
def test_names_of_things_are_not_splits(name: str) -> None:
    assert split_of(name) is None


@pytest.mark.parametrize(
    "splits",
    [
        ("train", "valid", "test"),
        ("Training", "Testing"),
        ("train_images", "dev"),
        ("training_data", "validation_data"),
        ("seg_train", "seg_test"),
        ("TrainImages", "ImagesTest"),
    ],
)
def test_split_folders_are_used(tmp_path: Path, splits: tuple[str, ...]) -> None:
    _make(tmp_path, *(f"{split}/{label}" for split in splits for label in ("cats", "dogs")))
    rows, note = _found(tmp_path)
    assert {label for _, label in rows} == {"cats", "dogs"}
    assert {split for split, _ in rows} == {split_of(split) for split in splits}
    assert note == ""


@pytest.mark.parametrize("outer", ["training_set test_set", "seg_train seg_test"])
def test_doubled_split_folders_are_used_and_reported(tmp_path: Path, outer: str) -> None:
    for name in outer.split():
        _make(tmp_path, f"{name}/{name}/cats", f"{name}/{name}/dogs")
    rows, note = _found(tmp_path)
    first = outer.split()[0]
    assert rows["train", "cats"] == f"{first}/{first}/cats"
    assert set(rows) == {(split, one) for split in ("train", "test") for one in ("cats", "dogs")}
    assert "lie deeper" in note
    assert f"{first}/{first}/" in note


@pytest.mark.parametrize("inner", ["", "asl_alphabet_train/"])
def test_splits_with_a_name_in_front_are_used(tmp_path: Path, inner: str) -> None:
    _make(tmp_path, f"asl_alphabet_train/{inner}A", f"asl_alphabet_train/{inner}B")
    _make(tmp_path, "asl_alphabet_test/A", "asl_alphabet_test/B")
    assert set(_found(tmp_path)[0]) == {(split, one) for split in ("train", "test") for one in "AB"}


def test_splits_of_single_classes_are_refused(tmp_path: Path) -> None:
    _make(tmp_path, "cats_train", "cats_test", "dogs_train", "dogs_test")
    assert "'cats_test', 'cats_train' look like splits" in _refusal(tmp_path)


def test_split_folders_inside_class_folders_are_used_and_reported(tmp_path: Path) -> None:
    _make(tmp_path, *(f"{one}/{split}" for one in ("cats", "dogs") for split in ("train", "test")))
    rows, note = _found(tmp_path)
    assert rows["test", "dogs"] == "dogs/test"
    assert len(rows) == 4
    assert "class folder" in note


def test_an_unknown_folder_beside_splits_is_named_with_the_known_names(tmp_path: Path) -> None:
    _make(tmp_path, "train/cats", "train/dogs", "test/cats", "test/dogs", "pred")
    refusal = _refusal(tmp_path)
    assert "'pred'" in refusal
    assert "'test', 'train'" in refusal
    assert "valid" in refusal


def test_a_class_called_train_is_refused_with_the_way_out(tmp_path: Path) -> None:
    _make(tmp_path, "bus", "car", "train")
    assert "move all class folders into a folder Training" in _refusal(tmp_path)
    _make(tmp_path / "moved", "Training/bus", "Training/car", "Training/train")
    assert _found(tmp_path / "moved")[0]["train", "train"] == "Training/train"


def test_a_split_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    _make(tmp_path, "train/cats", "train/dogs", "val/cats", "valid/cats")
    assert "'val' and 'valid' both stand for the val images" in _refusal(tmp_path)


def test_splits_without_training_are_refused(tmp_path: Path) -> None:
    _make(tmp_path, "test/cats", "val/cats")
    assert "no folder Training" in _refusal(tmp_path)


def test_split_folders_in_a_split_folder_are_refused_with_the_folder_to_pass(
    tmp_path: Path,
) -> None:
    _make(tmp_path, "train/train/cats", "train/test/cats", "train/val/cats")
    assert f"pass {tmp_path / 'train'}" in _refusal(tmp_path)


def test_a_wrapper_is_refused_with_the_folder_to_pass(tmp_path: Path) -> None:
    _make(tmp_path, "archive/cats", "archive/dogs")
    refusal = _refusal(tmp_path)
    assert "one level deeper" in refusal
    assert refusal.endswith(f"pass {tmp_path / 'archive'}")


def test_folders_that_hold_the_same_folders_are_no_classes(tmp_path: Path) -> None:
    _make(tmp_path, *(f"fold{n}/{one}" for n in (1, 2, 3) for one in ("cats", "dogs")))
    refusal = _refusal(tmp_path)
    assert "('cats', 'dogs')" not in refusal.partition("hold")[0]
    assert f"pass one of them, as {tmp_path / 'fold1'}" in refusal


def test_folders_that_share_most_of_their_folders_are_no_classes(tmp_path: Path) -> None:
    _make(tmp_path, "2023/cats", "2023/dogs", "2024/cats", "2024/dogs", "2024/birds")
    assert "the folders '2023', '2024' hold the same folders ('cats', 'dogs')" in _refusal(tmp_path)


@pytest.mark.parametrize(
    "paths",
    [
        ("entrenamiento/entrenamiento", "prueba/prueba"),
        ("2023/January", "2024/March"),
        ("raw/x", "processed"),
    ],
)
def test_the_same_folders_deeper_are_found_too(tmp_path: Path, paths: tuple[str, ...]) -> None:
    _make(tmp_path, *(f"{path}/{label}" for path in paths for label in ("cats", "dogs")))
    refusal = _refusal(tmp_path)
    assert "hold the same folders" in refusal
    assert str(tmp_path / paths[0]) in refusal or str(tmp_path / paths[1]) in refusal


def test_classes_with_links_to_each_other_end(tmp_path: Path) -> None:
    _make(tmp_path, "cats", "dogs")
    (tmp_path / "cats" / "friends").symlink_to(tmp_path / "dogs")
    (tmp_path / "dogs" / "enemies").symlink_to(tmp_path / "cats")
    assert set(_found(tmp_path)[0]) == {(None, "cats"), (None, "dogs")}


def test_the_same_folders_inside_a_split_are_no_classes(tmp_path: Path) -> None:
    paths = ("train/batch1", "train/batch2", "test")
    _make(tmp_path, *(f"{path}/{label}" for path in paths for label in ("cats", "dogs")))
    assert f"up into {tmp_path / 'train'}" in _refusal(tmp_path)


@pytest.mark.parametrize("outer", ["train test", "Train Validation"])
@pytest.mark.parametrize("inner", ["images", "data/images", ""])
def test_levels_without_a_name_of_their_own_are_skipped(
    tmp_path: Path, outer: str, inner: str
) -> None:
    paths = [f"{name}/{inner or f'{name}/{name}'}" for name in outer.split()]
    _make(tmp_path, *(f"{path}/{label}" for path in paths for label in ("cats", "dogs")))
    rows, note = _found(tmp_path)
    assert rows["train", "dogs"] == f"{paths[0]}/dogs"
    assert len(rows) == 4
    assert paths[1] in note


def test_a_class_called_images_is_a_class_in_the_other_splits_too(tmp_path: Path) -> None:
    _make(tmp_path, "train/images", "train/drawings", "test/images/object1")
    assert _found(tmp_path)[0]["test", "images"] == "test/images"


def test_a_training_folder_with_a_single_folder_of_folders_is_refused(tmp_path: Path) -> None:
    _make(tmp_path, "train/pets/cats", "train/pets/dogs", "test/pets/cats")
    assert "holds the single folder 'pets'" in _refusal(tmp_path)


@pytest.mark.parametrize("wrapper", ["archive", "archive/archive", "images", "cats_and_dogs/v2"])
def test_a_wrapper_of_splits_is_named_to_its_end(tmp_path: Path, wrapper: str) -> None:
    _make(tmp_path, *(f"{wrapper}/{split}/{one}" for split in ("train", "val") for one in "ab"))
    assert _refusal(tmp_path).endswith(f"pass {tmp_path / wrapper}")


def test_splits_inside_a_level_that_is_no_class_are_refused(tmp_path: Path) -> None:
    paths = [f"{site}/{split}" for site in ("north", "south") for split in ("train", "test")]
    _make(tmp_path, *(f"{path}/{label}" for path in paths for label in ("cats", "dogs")))
    assert f"which must be the classes; pass one of them, as {tmp_path}" in _refusal(tmp_path)


def test_splits_inside_only_some_class_folders_are_refused(tmp_path: Path) -> None:
    _make(tmp_path, "birds", "cats/train", "cats/test", "dogs/train", "dogs/test")
    assert "'cats' holds split folders and 'birds' does not" in _refusal(tmp_path)


def test_classes_with_different_subfolders_are_classes(tmp_path: Path) -> None:
    _make(tmp_path, "cats/siamese", "cats/persian", "dogs/beagle")
    assert set(_found(tmp_path)[0]) == {(None, "cats"), (None, "dogs")}


def test_what_an_archive_program_leaves_is_no_class(tmp_path: Path) -> None:
    _make(tmp_path, "cats", "dogs", "__MACOSX/cats")
    assert set(_found(tmp_path)[0]) == {(None, "cats"), (None, "dogs")}
