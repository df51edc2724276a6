"""Tests which layouts of folders are accepted, and which files are listed."""

import os
import unicodedata
from pathlib import Path

import pytest

from runtime.errors import InputRefused
from train.data.image_folder import scan_image_folder


def _refusal(root: Path) -> str:
    with pytest.raises(InputRefused) as caught:
        scan_image_folder(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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
    assert _refusal(tmp_path) == (
        f"{tmp_path}: only one class, 'a'; a classifier needs at least 2. To learn what good parts"
        " look like from their images alone, add --one-class"
    )


def test_flat_images_are_refused_with_the_layout_that_is_wanted(tmp_path: Path, fill) -> None:
    fill(tmp_path, 5)
    assert "one folder of images per class (DIR/banana/1.jpg)" in _refusal(tmp_path)


def test_missing_folder_and_file_are_refused(tmp_path: Path, photos: list[Path]) -> None:
    assert "no such folder" in _refusal(tmp_path / "none")
    assert "not a folder" in _refusal(photos[0])


def test_class_of_test_that_training_lacks_is_refused(tmp_path: Path, fill) -> None:
    for folder in ("Training/a", "Training/b", "Test/a", "Test/b", "Test/c"):
        fill(tmp_path / folder, 1)
    reason = "a class of the test folder that the training folder does not have"
    assert _refusal(tmp_path).startswith(f"{tmp_path / 'Test' / 'c'}: {reason}")


def test_class_name_that_is_no_text_is_refused(tmp_path: Path, fill) -> None:
    fill(tmp_path / os.fsdecode(b"caf\xe9"), 1)
    fill(tmp_path / "tea", 1)
    assert "UTF-8" in _refusal(tmp_path)


def test_fruits_keep_their_own_test_folder(fruits: Path) -> None:
    labels = scan_image_folder(fruits).labels
    assert len(labels) == 16
    assert labels[0] == "Apple Braeburn 1"


def test_two_folders_of_one_name_in_both_unicode_forms_are_refused(tmp_path: Path, fill) -> None:
    for form in ("NFC", "NFD"):
        fill(tmp_path / unicodedata.normalize(form, "café"), 1)
    assert "Unicode form" in _refusal(tmp_path)


def test_each_file_is_listed_once_in_the_order_of_names(tmp_path: Path, fill) -> None:
    for folder in ("Test/b", "Training/a", "Training/b/deep"):
        fill(tmp_path / folder, 2)
    for stray in ("Training/aa.txt", "z.txt", "Test/b/.hidden"):
        (tmp_path / stray).touch()
    folder = scan_image_folder(tmp_path)
    assert [path.relative_to(tmp_path).parts[0] for path in folder.files()] == (
        ["Test"] * 2 + ["Training"] * 5 + ["z.txt"]
    )
    assert len(set(folder.files())) == 8
    assert folder.outside == (tmp_path / "Training/aa.txt", tmp_path / "z.txt")
    assert [(part.split, part.label, len(part.files)) for part in folder.class_folders] == [
        ("test", "b", 2),
        ("train", "a", 2),
        ("train", "b", 2),
    ]


def test_class_folder_that_links_to_another_has_its_files_too(tmp_path: Path, fill) -> None:
    fill(tmp_path / "a", 2)
    (tmp_path / "b").symlink_to("a")
    folder = scan_image_folder(tmp_path)
    assert [len(part.files) for part in folder.class_folders] == [2, 2]
    assert folder.outside == ()
