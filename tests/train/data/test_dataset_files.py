"""Tests which files become images of a data set, and which are refused with a reason."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from runtime.errors import InputRefused
from train.data.dataset import Dataset, build_dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import scan_image_folder
from train.data.split import SplitFractions


def _scan(root: Path, pixel_cache: PixelCache, seed: int = 7) -> Dataset:
    return build_dataset(scan_image_folder(root), pixel_cache, SplitFractions(), seed)


def _reasons(data: Dataset) -> dict[str, str]:
    return {image.path: image.reason for image in data.split("refused")}


def test_copies_never_straddle_the_split(tmp_path: Path, pixel_cache, fill) -> None:
    for label in ("a", "b"):
        for file in fill(tmp_path / label, 12):
            for number in range(3):
                shutil.copy(file, file.with_name(f"copy{number}-{file.name}"))
    data = _scan(tmp_path, pixel_cache)
    assert len(data.images) == 96
    assert data.split("refused") == []
    places: dict[str, set[str]] = {}
    for image in data.images:
        places.setdefault(image.sha256, set()).add(image.split)
    assert len(places) == 24
    assert {len(splits) for splits in places.values()} == {1}


def test_training_image_that_stands_in_test_is_taken_out_of_training(
    tmp_path: Path, pixel_cache, fill
) -> None:
    for label in ("a", "b"):
        fill(tmp_path / "Training" / label, 12)
        fill(tmp_path / "Validation" / label, 3)
        fill(tmp_path / "Test" / label, 3)
    tested, validated = (
        sorted((tmp_path / "Test/a").iterdir())[0],
        sorted((tmp_path / "Validation/b").iterdir())[0],
    )
    shutil.copy(tested, tmp_path / "Training/a/leak.png")
    shutil.copy(tested, tmp_path / "Validation/a/leak.png")
    shutil.copy(validated, tmp_path / "Training/b/leak.png")
    data = _scan(tmp_path, pixel_cache)
    assert _reasons(data) == {
        "Training/a/leak.png": "an exact copy is in the test split",
        "Validation/a/leak.png": "an exact copy is in the test split",
        "Training/b/leak.png": "an exact copy is in the validation split",
    }
    assert (len(data.split("train")), len(data.split("val")), len(data.split("test"))) == (24, 6, 6)


def test_image_under_two_classes_is_refused_in_both_and_both_are_named(
    tmp_path: Path, pixel_cache, fill
) -> None:
    first = fill(tmp_path / "cat", 8)[0]
    fill(tmp_path / "dog", 8)
    shutil.copy(first, tmp_path / "dog" / "twin.png")
    reason = "the same image is in the classes cat, dog"
    assert _reasons(_scan(tmp_path, pixel_cache)) == {
        f"cat/{first.name}": reason,
        "dog/twin.png": reason,
    }


def test_broken_files_are_named_with_a_reason_and_all_are_counted(
    tmp_path: Path, pixel_cache, fill
) -> None:
    whole = fill(tmp_path / "a", 8) + fill(tmp_path / "b", 8)
    (tmp_path / "a" / "bad.jpg").write_text("x")
    (tmp_path / "a" / "cut.png").write_bytes(whole[0].read_bytes()[:9000])
    (tmp_path / "a" / "empty.png").touch()
    (tmp_path / "b" / "notes.txt").write_text("not an image")
    (tmp_path / "b" / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "b" / "pipe.png")
    data = _scan(tmp_path, pixel_cache)
    reasons = _reasons(data)
    assert set(reasons) == {
        "a/bad.jpg",
        "a/cut.png",
        "a/empty.png",
        "b/notes.txt",
        "b/gone.png",
        "b/pipe.png",
    }
    assert "not an image" in reasons["a/bad.jpg"]
    assert "broken" in reasons["a/cut.png"]
    assert reasons["a/empty.png"] == "empty file"
    assert reasons["b/gone.png"] == "No such file or directory"
    assert reasons["b/pipe.png"] == "not a regular file"
    used = sum(len(data.split(split)) for split in ("train", "val", "test"))
    assert used == 16
    assert used + len(reasons) == len(data.images) == 22


def test_files_beside_the_class_folders_are_named_too(tmp_path: Path, pixel_cache, fill) -> None:
    fill(tmp_path / "a", 8)
    fill(tmp_path / "b", 8)
    (lost,) = fill(tmp_path, 1)
    assert _reasons(_scan(tmp_path, pixel_cache)) == {lost.name: "not in a class folder"}


def test_odd_extensions_and_folders_within_a_class_are_used(
    tmp_path: Path, pixel_cache, fill
) -> None:
    (tmp_path / "a" / "deeper" / "still").mkdir(parents=True)
    fill(tmp_path / "b", 8)
    files = fill(tmp_path / "a", 6)
    names = [
        "UPPER.JPEG",
        "noextension",
        "wrong.gif",
        "deeper/still/x.png",
        "two words=.png",
        "animated.webp",
    ]
    for file, name in zip(files, names, strict=True):
        with Image.open(file) as opened:
            if name == "UPPER.JPEG":
                opened.save(tmp_path / "a" / name)
            elif name == "animated.webp":
                opened.save(tmp_path / "a" / name, save_all=True, append_images=[opened.rotate(90)])
            else:
                shutil.copy(file, tmp_path / "a" / name)
        file.unlink()
    data = _scan(tmp_path, pixel_cache)
    assert {image.path for image in data.images if image.label == "a"} == {
        f"a/{name}" for name in names
    }
    assert data.split("refused") == []


def test_class_of_too_few_images_is_refused_and_says_which_files_were(
    tmp_path: Path, pixel_cache, fill
) -> None:
    fill(tmp_path / "a", 8)
    fill(tmp_path / "b", 4)
    with pytest.raises(InputRefused, match=r"class 'b' has 4 usable images; at least 5"):
        _scan(tmp_path, pixel_cache)
    (tmp_path / "b" / "bad.jpg").write_text("x")
    with pytest.raises(
        InputRefused,
        match=r"class 'b' has 4 usable images \(1 were refused, the first: b/bad\.jpg: not an ",
    ):
        _scan(tmp_path, pixel_cache)


def test_smallest_set_allowed_has_every_class_in_every_split(
    tmp_path: Path, pixel_cache, fill
) -> None:
    fill(tmp_path / "a", 5)
    fill(tmp_path / "b", 5)
    data = _scan(tmp_path, pixel_cache)
    assert {(image.split, image.label) for image in data.images} == {
        (split, label) for split in ("train", "val", "test") for label in ("a", "b")
    }


def test_class_that_is_one_image_five_times_is_refused(tmp_path: Path, pixel_cache, fill) -> None:
    fill(tmp_path / "a", 8)
    (only,) = fill(tmp_path / "b", 1)
    for number in range(4):
        shutil.copy(only, only.with_name(f"{number}.png"))
    with pytest.raises(InputRefused, match="class 'b' has no usable training image left"):
        _scan(tmp_path, pixel_cache)


def test_split_belongs_to_the_content_not_to_names_or_place(
    cells: Path, pixel_cache: PixelCache, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(cells, tmp_path / "moved"))
    for number, file in enumerate(sorted(moved.rglob("*.png"), reverse=True)):
        file.rename(file.with_name(f"{number:04}.PNG"))
    one, other = _scan(cells, pixel_cache), _scan(moved, pixel_cache)
    assert {image.sha256: image.split for image in other.images} == {
        image.sha256: image.split for image in one.images
    }
    assert other.digest() == one.digest()
    assert _scan(cells, pixel_cache, seed=8).digest() != one.digest()


def test_digest_tells_labels_and_content_apart(
    cells: Path, pixel_cache: PixelCache, tmp_path: Path
) -> None:
    relabelled = Path(shutil.copytree(cells, tmp_path / "cells"))
    (relabelled / "mono").rename(relabelled / "broken")
    assert _scan(relabelled, pixel_cache).digest() != _scan(cells, pixel_cache).digest()
