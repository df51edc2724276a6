"""Tests the faults and remarks that are found in a data set."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from train.data.dataset import Dataset, build_dataset
from train.data.dataset_report import class_table, size_line
from train.data.decoded_cache import PixelCache
from train.data.image_appearance import ImageAppearance
from train.data.image_folder import scan_image_folder
from train.data.quality import (
    MAX_PAIRS,
    DataQuality,
    DuplicatePair,
    examine_quality,
    health_record,
)
from train.data.split import SplitFractions
from workstation.run_folder import ImageRecord


def _examine(
    root: Path, pixel_cache: PixelCache, input_size: int = 32
) -> tuple[Dataset, DataQuality]:
    data = build_dataset(scan_image_folder(root), pixel_cache, SplitFractions(), 7)
    return data, examine_quality(data, input_size, "pairs.csv")


def _save(frames: list[bytes], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        (folder / f"frame{number:02}.png").write_bytes(frame)


def _reencode(file: Path, place: Path) -> None:
    with Image.open(file) as image:
        image.save(place, "JPEG", quality=70)


def _made_up(*counts: tuple[str, str, int]) -> Dataset:
    images = [
        ImageRecord(split, label, f"{split}{label}{n}", f"{split}{label}{n}")
        for split, label, count in counts
        for n in range(count)
    ]
    return Dataset(Path(), tuple(sorted({label for _, label, _ in counts})), tuple(images))


@pytest.mark.parametrize(
    ("large", "small", "warned"), [(100, 1, True), (30, 3, True), (29, 3, False), (50, 50, False)]
)
def test_imbalance_is_said_aloud(large: int, small: int, warned: bool) -> None:
    said = [
        line
        for line in examine_quality(
            _made_up(("train", "many", large), ("train", "few", small)), 32, "pairs.csv"
        ).remarks
        if "misleading" in line
    ]
    assert said == (
        [
            f"'many' has {large} training images and 'few' {small}: one accuracy over all classes "
            "is misleading; --class-weights balanced makes each class count the same"
        ]
        if warned
        else []
    )


def test_large_balanced_set_is_not_nagged_about() -> None:
    quality = examine_quality(
        _made_up(*((split, label, 20) for label in "ab" for split in ("train", "val", "test"))),
        32,
        "pairs.csv",
    )
    assert (quality.faults, quality.remarks) == ((), ())


def test_class_of_few_images_and_class_that_a_split_lacks_are_named(
    tmp_path: Path, pixel_cache, fill
) -> None:
    for folder, count in (("Training/a", 24), ("Training/b", 12), ("Test/a", 5)):
        fill(tmp_path / folder, count)
    _, quality = _examine(tmp_path, pixel_cache)
    assert [line for line in quality.remarks if "no test images of b:" in line]
    few = "fewer than 20 training images of 'b' (11): "
    assert [line for line in quality.remarks if line.startswith(few)]
    assert not [line for line in quality.remarks if "'a' (" in line]


def test_refused_files_are_a_fault_and_counted_by_class(tmp_path: Path, pixel_cache, fill) -> None:
    fill(tmp_path / "a", 8)
    fill(tmp_path / "b", 8)
    (tmp_path / "b" / "bad.jpg").write_text("x")
    data, quality = _examine(tmp_path, pixel_cache)
    assert quality.faults == ("1 of 17 files were refused",)
    assert (quality.files, quality.refused) == (17, 1)
    assert [line.split() for line in class_table(data)] == [
        ["class", "train", "val", "test", "refused"],
        ["a", "5", "1", "2", "0"],
        ["b", "5", "1", "2", "1"],
        ["2", "classes", "10", "2", "4", "1"],
    ]


def test_reencoded_test_image_in_training_is_a_fault_that_names_both(
    tmp_path: Path, pixel_cache, fill
) -> None:
    for label in ("a", "b"):
        fill(tmp_path / "Training" / label, 8)
        fill(tmp_path / "Test" / label, 3)
    tested = sorted((tmp_path / "Test/a").iterdir())[0]
    _reencode(tested, tmp_path / "Training/a/leak.jpg")
    data, quality = _examine(tmp_path, pixel_cache)
    (fault,) = quality.faults
    assert fault.startswith(
        "1 of 6 test images are near-duplicates of images in training or validation "
        f"(Test/a/{tested.name} of Train"
    )
    assert quality.pairs == (
        DuplicatePair(
            "split",
            quality.pairs[0].distance,
            f"Test/a/{tested.name}",
            "Training/a/leak.jpg",
            "a",
            "a",
            "test",
            "train",
        ),
    )
    assert "more through" not in fault, "the only pair is counted once"
    assert fault.endswith("All pairs: pairs.csv")
    assert data.split("refused") == [], "reported, not removed"
    assert len(data.split("test")) == 6


def test_reencoded_image_under_two_classes_is_a_fault_that_names_both(
    tmp_path: Path, pixel_cache, fill
) -> None:
    first = fill(tmp_path / "cat", 8)[0]
    fill(tmp_path / "dog", 8)
    _reencode(first, tmp_path / "dog" / "twin.jpg")
    data, quality = _examine(tmp_path, pixel_cache)
    assert quality.faults == (
        "2 images look nearly the same as one of another class "
        f"(cat/{first.name} and dog/twin.jpg): is a label wrong? All pairs: pairs.csv",
    )
    assert [pair.across for pair in quality.pairs] == ["class"]
    assert (
        len(
            {
                image.split
                for image in data.images
                if image.path in (f"cat/{first.name}", "dog/twin.jpg")
            }
        )
        == 1
    )


def test_copies_are_counted_by_file(tmp_path: Path, pixel_cache, fill) -> None:
    file = fill(tmp_path / "a", 24)[0]
    fill(tmp_path / "b", 24)
    for number in range(3):
        shutil.copy(file, tmp_path / "a" / f"copy{number}.png")
    _, quality = _examine(tmp_path, pixel_cache)
    assert quality.copies == 3
    assert "3 of 51 images are exact copies of others; copies stay in one split" in quality.remarks


def test_burst_is_one_group_in_one_split_and_every_split_has_its_class(
    tmp_path: Path, pixel_cache, fill, clip
) -> None:
    fill(tmp_path / "a", 24)
    fill(tmp_path / "b", 24)
    _save(clip(100, 20), tmp_path / "b")
    data, quality = _examine(tmp_path, pixel_cache)
    assert quality.largest_group == 20
    assert len({image.split for image in data.images if "frame" in image.path}) == 1
    assert quality.faults == ()
    counts = Counter((image.label, image.split) for image in data.images)
    assert all(counts[label, split] for label in "ab" for split in ("train", "val", "test"))


def test_class_that_is_one_burst_is_split_all_the_same_and_that_is_said(
    tmp_path: Path, pixel_cache, fill, clip
) -> None:
    fill(tmp_path / "a", 24)
    _save(clip(100, 20), tmp_path / "b")
    data, quality = _examine(tmp_path, pixel_cache)
    assert {image.split for image in data.images if image.label == "b"} == {"train", "val", "test"}
    assert [fault.split(":")[0] for fault in quality.faults] == [
        "4 of 9 test images are near-duplicates of images in training or validation, "
        "since nearly all of b are alike",
        "2 of 4 validation images are near-duplicates of images in training, "
        "since nearly all of b are alike",
    ]


def test_frames_of_the_same_fruits_in_training_and_test_are_said(
    fruits: Path, tmp_path: Path, pixel_cache
) -> None:
    for split in ("Training", "Test"):
        for label in ("Apple Red 2", "Tomato 2"):
            shutil.copytree(fruits / split / label, tmp_path / split / label)
    _, quality = _examine(tmp_path, pixel_cache)
    (fault,) = quality.faults
    assert "of 150 test images are near-duplicates of images in training or validation" in fault
    assert "photos of one object?" in fault
    assert int(fault.split()[0]) > 30


def test_grey_images_among_coloured_ones_are_said_with_the_class(
    tmp_path: Path, pixel_cache, fill
) -> None:
    fill(tmp_path / "a", 24)
    for number, file in enumerate(fill(tmp_path / "b", 24)):
        if number % 2:
            with Image.open(file) as image:
                Image.merge(
                    "RGB",
                    [
                        image.convert("L").point(lambda level, by=by: level // by)
                        for by in (1, 2, 3)
                    ],
                ).save(file)
    _, quality = _examine(tmp_path, pixel_cache)
    assert [line for line in quality.remarks if "grey" in line] == [
        "36 of 48 images are grey, the others in colour (of 'a' 24 of 24): "
        "the model may learn that instead of the class"
    ]


def test_images_much_smaller_than_the_input_are_said(tmp_path: Path, pixel_cache, fill) -> None:
    fill(tmp_path / "a", 24)
    file = fill(tmp_path / "b", 24)[0]
    with Image.open(file) as image:
        image.resize((90, 40)).save(file)
    data, quality = _examine(tmp_path, pixel_cache, 96)
    assert (
        "1 of 48 images have less than half the input's 96 pixels a side "
        f"(b/{file.name}: 40) and will be blurred" in quality.remarks
    )
    assert quality.sides == (40, 300, 300)
    assert size_line(quality, 96) == "shorter side 40 to 300 pixels, median 300; input 96; all grey"
    assert not [
        line for line in examine_quality(data, 80, "pairs.csv").remarks if "blurred" in line
    ]


def test_image_that_is_alike_only_through_another_is_counted_apart_and_all_pairs_are_kept() -> None:
    images = [
        ImageRecord(split, label, path, path)
        for split, label, path in (
            ("test", "a", "direct"),
            ("test", "a", "indirect"),
            ("train", "a", "seen"),
            *(("train", "a", f"left{number}") for number in range(9)),
            *(("train", "b", f"right{number}") for number in range(9)),
        )
    ]
    pairs = tuple((f"left{number}", f"right{number}") for number in range(9))
    appearance = ImageAppearance(
        groups=(("direct", "indirect", "seen"), *pairs),
        pairs=(("direct", "seen"), *pairs),
        distances=(3, *(8 - number for number in range(9))),
    )
    data = Dataset(Path(), ("a", "b"), tuple(images), appearance)
    quality = examine_quality(data, 32, "pairs.csv")
    assert quality.faults[0].startswith(
        "1 of 2 test images are near-duplicates of images in training or validation "
        "(direct of seen), and 1 more through images between them: "
    )
    assert quality.faults[1].startswith(
        "18 images look nearly the same as one of another class (left8 and right8): "
    )
    assert [pair.distance for pair in quality.pairs] == [0, 1, 2, 3, 3, 4, 5, 6, 7, 8]
    assert len(health_record(quality)["pairs"]) == MAX_PAIRS


def test_objects_in_two_splits_and_classes_of_one_object_are_named() -> None:
    images = [
        ImageRecord(
            split, label, f"{split}{label}{group}{n}", f"{split}{label}{group}{n}", "", group
        )
        for split, label, group in (
            ("train", "a", "a/1"),
            ("train", "a", "a/2"),
            ("test", "a", "a/2"),
            ("test", "a", "a/3"),
            ("train", "b", "b/1"),
            ("test", "b", "b/1"),
        )
        for n in range(4)
    ]
    quality = examine_quality(Dataset(Path(), ("a", "b"), tuple(images)), 32, "pairs.csv")
    assert quality.faults == (
        "8 of 12 test images show objects that are in training or validation too (a/2, b/1): "
        "the accuracy says little about new objects",
    )
    objects = [line for line in quality.remarks if "object" in line]
    assert objects == [
        "24 of 24 images show 4 objects; "
        "where Quince draws the split, an object stays in one split",
        "all images of 'b' show one object: its accuracy says nothing about others; "
        "add images of more objects",
    ]


def test_images_of_one_day_get_one_sentence_for_each_subject() -> None:
    labels = ("a", "b", "c", "d", "e")
    images = [
        ImageRecord(split, label, f"{label}{split}{n}", f"{label}{split}{n}", "", f"{label}/1")
        for label in labels
        for split in ("train", "val", "test")
        for n in range(2)
    ]
    quality = examine_quality(Dataset(Path(), labels, tuple(images)), 32, "pairs.csv")
    assert quality.faults == (
        "10 of 10 test images show objects that are in training or validation too, and 10 of 10"
        " validation images show objects that are in training too (a/1, b/1, c/1 and 2 more):"
        " the accuracy says little about new objects",
    )
    assert [line.partition(":")[0] for line in quality.remarks][1:] == [
        "all images of 'a', 'b', 'c' and 2 more show one object each",
        "fewer than 20 training images of 'a' (2), 'b' (2), 'c' (2) and 2 more",
    ]
