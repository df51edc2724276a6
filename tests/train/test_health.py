"""What is said of a data set before it is trained on."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from runtime.run_folder import Picture
from train.cache import PixelCache
from train.data import DataSet, scan
from train.health import Health, Pair, examine
from train.health_text import measures, table
from train.looks import Looks
from train.split import Fractions


def _examine(root: Path, pixel_cache: PixelCache, input_size: int = 32) -> tuple[DataSet, Health]:
    data = scan(root, pixel_cache, Fractions(), 7)
    return data, examine(data, input_size)


def _save(frames: list[bytes], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        (folder / f"frame{number:02}.png").write_bytes(frame)


def _reencode(file: Path, place: Path) -> None:
    with Image.open(file) as image:
        image.save(place, "JPEG", quality=70)


def _made_up(*counts: tuple[str, str, int]) -> DataSet:
    pictures = [Picture(split, label, f"{split}{label}{n}", f"{split}{label}{n}") for split, label, count in counts for n in range(count)]
    return DataSet(Path(), tuple(sorted({label for _, label, _ in counts})), tuple(pictures))


@pytest.mark.parametrize(("large", "small", "warned"), [(100, 1, True), (30, 3, True), (29, 3, False), (50, 50, False)])
def test_imbalance_is_said_aloud(large: int, small: int, warned: bool) -> None:
    said = [line for line in examine(_made_up(("train", "many", large), ("train", "few", small)), 32).remarks if "mislead" in line]
    assert said == (
        [
            f"'many' has {large} training pictures and 'few' {small}: one accuracy over all classes will mislead; "
            "--class-weights balanced makes each class count the same"
        ]
        if warned
        else []
    )


def test_large_balanced_set_is_not_nagged_about() -> None:
    health = examine(_made_up(*((split, label, 20) for label in "ab" for split in ("train", "val", "test"))), 32)
    assert (health.faults, health.remarks) == ((), ())


def test_class_of_few_pictures_and_class_that_a_split_lacks_are_named(tmp_path: Path, pixel_cache, fill) -> None:
    for folder, count in (("Training/a", 24), ("Training/b", 12), ("Test/a", 5)):
        fill(tmp_path / folder, count)
    _, health = _examine(tmp_path, pixel_cache)
    assert [line for line in health.remarks if "no test pictures of b:" in line]
    assert [line for line in health.remarks if line.startswith("class 'b' has only 11 training pictures")]
    assert not [line for line in health.remarks if "'a' has only" in line]


def test_refused_files_are_a_fault_and_counted_by_class(tmp_path: Path, pixel_cache, fill) -> None:
    fill(tmp_path / "a", 8)
    fill(tmp_path / "b", 8)
    (tmp_path / "b" / "bad.jpg").write_text("x")
    data, health = _examine(tmp_path, pixel_cache)
    assert health.faults == ("1 of 17 files were refused",)
    assert (health.files, health.refused) == (17, 1)
    assert [line.split() for line in table(data)] == [
        ["class", "train", "val", "test", "refused"],
        ["a", "5", "1", "2", "0"],
        ["b", "5", "1", "2", "1"],
        ["2", "classes", "10", "2", "4", "1"],
    ]


def test_reencoded_test_picture_in_training_is_a_fault_that_names_both(tmp_path: Path, pixel_cache, fill) -> None:
    for label in ("a", "b"):
        fill(tmp_path / "Training" / label, 8)
        fill(tmp_path / "Test" / label, 3)
    tested = sorted((tmp_path / "Test/a").iterdir())[0]
    _reencode(tested, tmp_path / "Training/a/leak.jpg")
    data, health = _examine(tmp_path, pixel_cache)
    (fault,) = health.faults
    assert fault.startswith(
        f"1 of 6 test pictures are near-duplicates of pictures in training or validation (Test/a/{tested.name} of Train"
    )
    assert health.pairs == (Pair("split", f"Test/a/{tested.name}", "Training/a/leak.jpg"),)
    assert data.split("refused") == [], "reported, not removed"
    assert len(data.split("test")) == 6


def test_reencoded_picture_under_two_classes_is_a_fault_that_names_both(tmp_path: Path, pixel_cache, fill) -> None:
    first = fill(tmp_path / "cat", 8)[0]
    fill(tmp_path / "dog", 8)
    _reencode(first, tmp_path / "dog" / "twin.jpg")
    data, health = _examine(tmp_path, pixel_cache)
    assert health.faults == (
        f"2 pictures look nearly the same as one of another class (cat/{first.name} and dog/twin.jpg): is a label wrong?",
    )
    assert [pair.across for pair in health.pairs] == ["class"]
    assert len({picture.split for picture in data.pictures if picture.path in (f"cat/{first.name}", "dog/twin.jpg")}) == 1


def test_copies_are_counted_by_file(tmp_path: Path, pixel_cache, fill) -> None:
    file = fill(tmp_path / "a", 24)[0]
    fill(tmp_path / "b", 24)
    for number in range(3):
        shutil.copy(file, tmp_path / "a" / f"copy{number}.png")
    _, health = _examine(tmp_path, pixel_cache)
    assert health.copies == 3
    assert "3 of 51 pictures are exact copies of others; copies stay together" in health.remarks


def test_burst_is_one_group_in_one_split_and_every_split_has_its_class(tmp_path: Path, pixel_cache, fill, clip) -> None:
    fill(tmp_path / "a", 24)
    fill(tmp_path / "b", 24)
    _save(clip(100, 20), tmp_path / "b")
    data, health = _examine(tmp_path, pixel_cache)
    assert health.largest_group == 20
    assert len({picture.split for picture in data.pictures if "frame" in picture.path}) == 1
    assert health.faults == ()
    counts = Counter((picture.label, picture.split) for picture in data.pictures)
    assert all(counts[label, split] for label in "ab" for split in ("train", "val", "test"))


def test_class_that_is_one_burst_is_split_all_the_same_and_that_is_said(tmp_path: Path, pixel_cache, fill, clip) -> None:
    fill(tmp_path / "a", 24)
    _save(clip(100, 20), tmp_path / "b")
    data, health = _examine(tmp_path, pixel_cache)
    assert {picture.split for picture in data.pictures if picture.label == "b"} == {"train", "val", "test"}
    assert [fault.split(":")[0] for fault in health.faults] == [
        "4 of 9 test pictures are near-duplicates of pictures in training or validation, since nearly all of b are alike",
        "2 of 4 validation pictures are near-duplicates of pictures in training, since nearly all of b are alike",
    ]


def test_frames_of_the_same_fruits_in_training_and_test_are_said(fruits: Path, tmp_path: Path, pixel_cache) -> None:
    for split in ("Training", "Test"):
        for label in ("Apple Red 2", "Tomato 2"):
            shutil.copytree(fruits / split / label, tmp_path / split / label)
    _, health = _examine(tmp_path, pixel_cache)
    (fault,) = health.faults
    assert "of 150 test pictures are near-duplicates of pictures in training or validation" in fault
    assert "photos of one object?" in fault
    assert int(fault.split()[0]) > 30


def test_grey_pictures_among_coloured_ones_are_said_with_the_class(tmp_path: Path, pixel_cache, fill) -> None:
    fill(tmp_path / "a", 24)
    for number, file in enumerate(fill(tmp_path / "b", 24)):
        if number % 2:
            with Image.open(file) as image:
                Image.merge("RGB", [image.convert("L").point(lambda level, by=by: level // by) for by in (1, 2, 3)]).save(file)
    _, health = _examine(tmp_path, pixel_cache)
    assert [line for line in health.remarks if "grey" in line] == [
        "36 of 48 pictures are grey, the others in colour (of 'a' 24 of 24): the model may learn that instead of the class"
    ]


def test_pictures_much_smaller_than_the_input_are_said(tmp_path: Path, pixel_cache, fill) -> None:
    fill(tmp_path / "a", 24)
    file = fill(tmp_path / "b", 24)[0]
    with Image.open(file) as image:
        image.resize((90, 40)).save(file)
    data, health = _examine(tmp_path, pixel_cache, 96)
    assert f"1 of 48 pictures have less than half the input's 96 pixels a side (b/{file.name}: 40) and will be blurred" in health.remarks
    assert health.sides == (40, 300, 300)
    assert measures(health, 96) == "shorter side 40 to 300 pixels, median 300; input 96; all grey"
    assert not [line for line in examine(data, 80).remarks if "blurred" in line]


def test_table_is_no_wider_than_80_columns(tmp_path: Path) -> None:
    labels = ("a" * 200, "猫" * 50, "line\nbreak\x1b[31m", "plain")
    data = DataSet(tmp_path, labels, tuple(Picture("train", label, str(n), f"{label}{n}") for label in labels for n in range(5)), Looks())
    lines = list(table(data))
    assert all(len(line) + line.count("猫") <= 80 and line.isprintable() for line in lines)
    assert lines[2].split() == ["猫" * 20 + "…", "5", "0", "0", "0"]
    assert list(table(data, 2))[3:] == ["... and 2 more classes", lines[-1]]
