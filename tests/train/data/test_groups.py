"""Tests what counts as one object: a subfolder, a pattern, near-duplicates, and their unions."""

from pathlib import Path

import pytest

from runtime.errors import InputRefused
from train.data.groups import ALIKE, assign_groups, is_object, name_objects
from train.data.image_folder import ImageFolder, scan_image_folder
from workstation.run_folder import ImageRecord


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    for path in (
        "Training/apple/apple-1/a.jpg",
        "Training/apple/apple-2/left/b.jpg",
        "Training/apple/c_7.jpg",
        "Training/pear/images/d_7.jpg",
        "Test/apple/apple-1/e.jpg",
        "Test/pear/images/f.jpg",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return scan_image_folder(tmp_path)


def test_subfolder_of_a_class_is_an_object_in_all_splits(folder: ImageFolder) -> None:
    assert name_objects(folder, None) == {
        "Training/apple/apple-1/a.jpg": "apple/apple-1",
        "Training/apple/apple-2/left/b.jpg": "apple/apple-2/left",
        "Test/apple/apple-1/e.jpg": "apple/apple-1",
    }, "'images' holds the whole class, so it is none"


def test_pattern_finds_objects_of_several_classes_in_file_names(folder: ImageFolder) -> None:
    objects = {"Training/apple/c_7.jpg": "7", "Training/pear/images/d_7.jpg": "7"}
    assert name_objects(folder, r"_(\d+)") == objects
    assert set(name_objects(folder, r"_\d+").values()) == {"_7"}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "regular expression"), ("xyz", "matches none of the 6 file names"), ("q*", "none")],
)
def test_pattern_that_is_wrong_or_finds_nothing_is_refused(
    folder: ImageFolder, pattern: str, message: str
) -> None:
    with pytest.raises(InputRefused, match=message) as caught:
        name_objects(folder, pattern)
    assert caught.value.thing == "--group-by"


def test_groups_that_share_an_image_become_one() -> None:
    images = [
        ImageRecord("train", "a", "1.jpg", "s1"),
        ImageRecord("train", "a", "2.jpg", "s2"),
        ImageRecord("test", "a", "3.jpg", "s3"),
        ImageRecord("refused", "a", "copy of 3.jpg", "s3", "an exact copy is in the test split"),
        ImageRecord("train", "a", "4.jpg", "s4"),
        ImageRecord("train", "a", "5.jpg", "s5"),
        ImageRecord("train", "a", "alone.jpg", "s6"),
        ImageRecord("refused", "a", "broken.jpg"),
    ]
    objects = {"1.jpg": "a/x", "copy of 3.jpg": "a/x", "2.jpg": "a/y", "broken.jpg": "a/x"}
    grouped = assign_groups(images, objects, [("s2", "s1"), ("s4", "s5")])
    groups = [image.group for image in grouped]
    assert groups[:4] == ["a/x"] * 4, "the test image is of the object whose copy was refused"
    assert groups[4] == groups[5] == f"{ALIKE}s4"
    assert groups[6:] == ["", ""]
    assert [is_object(group) for group in groups[3:7]] == [True, False, False, False]
