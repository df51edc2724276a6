"""A folder becomes a data set: layouts, classes, odd and broken files, copies, and what is refused."""

import os
import shutil
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from runtime.errors import InputRefused
from runtime.preprocess import Preprocessing
from runtime.run_folder import Picture, read_pictures, write_pictures
from train.cache import PixelCache
from train.data import DataSet, find_labels, scan
from train.split import Fractions


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> PixelCache:
    return PixelCache(tmp_path_factory.mktemp("cache"), Preprocessing(32, 32))


@pytest.fixture(scope="module")
def photos(cells: Path) -> list[Path]:
    """120 photos, all different."""
    return sorted(cells.rglob("*.png"))


@pytest.fixture
def fill(photos: list[Path]):
    """Puts so many photos that no earlier call took into a folder."""
    left = list(photos)

    def copy(folder: Path, count: int) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(left.pop(), folder)) for _ in range(count)]

    return copy


def _scan(root: Path, cache: PixelCache, seed: int = 7) -> DataSet:
    return scan(root, cache, Fractions(), seed)


def _reasons(data: DataSet) -> dict[str, str]:
    return {picture.path: picture.reason for picture in data.split("refused")}


def _refusal(root: Path) -> str:
    with pytest.raises(InputRefused) as caught:
        find_labels(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_real_folder_is_split_with_every_class_in_every_split(cells: Path, cache: PixelCache) -> None:
    data = _scan(cells, cache)
    assert data.labels == ("mono", "poly")
    assert len(data.pictures) == 120
    assert Counter((picture.split, picture.label) for picture in data.pictures) == {
        (split, label): count for split, count in (("test", 12), ("val", 5), ("train", 43)) for label in data.labels
    }
    assert [data.labels[target] for target in data.targets("test")] == [picture.label for picture in data.split("test")]
    assert all(picture.path.startswith(picture.label) for picture in data.pictures)


def test_split_belongs_to_the_content_not_to_names_or_place(cells: Path, cache: PixelCache, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(cells, tmp_path / "moved"))
    for number, file in enumerate(sorted(moved.rglob("*.png"), reverse=True)):
        file.rename(file.with_name(f"{number:04}.PNG"))
    one, other = _scan(cells, cache), _scan(moved, cache)
    assert {picture.sha256: picture.split for picture in other.pictures} == {picture.sha256: picture.split for picture in one.pictures}
    assert other.digest() == one.digest()
    assert _scan(cells, cache, seed=8).digest() != one.digest()


def test_digest_tells_labels_and_content_apart(cells: Path, cache: PixelCache, tmp_path: Path) -> None:
    relabelled = Path(shutil.copytree(cells, tmp_path / "cells"))
    (relabelled / "mono").rename(relabelled / "broken")
    assert _scan(relabelled, cache).digest() != _scan(cells, cache).digest()


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
def test_split_folders_are_used_as_they_are(tmp_path: Path, cache, fill, training: str, validation: str, test: str) -> None:
    wanted = {}
    for folder, split, count in ((training, "train", 8), (validation, "val", 2), (test, "test", 3)):
        for label in ("a", "b"):
            wanted |= {str(file.relative_to(tmp_path)): split for file in fill(tmp_path / folder / label, count)}
    data = _scan(tmp_path, cache)
    assert data.labels == ("a", "b")
    assert {picture.path: picture.split for picture in data.pictures} == wanted


def test_only_what_no_folder_says_is_drawn(tmp_path: Path, cache, fill) -> None:
    for label in ("a", "b"):
        fill(tmp_path / "Training" / label, 20)
        fill(tmp_path / "Test" / label, 4)
    data = _scan(tmp_path, cache)
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


def test_class_that_test_lacks_is_named(tmp_path: Path, cache, fill) -> None:
    for folder, count in (("Training/a", 20), ("Training/b", 20), ("Test/a", 5)):
        fill(tmp_path / folder, count)
    (warning,) = [line for line in _scan(tmp_path, cache).warnings() if "no test pictures" in line]
    assert warning.startswith("no test pictures of b:")


@pytest.mark.parametrize("others", [("Test",), ("Training", "Test", "extra"), ("Training", "train"), ("Training", "Validation", "val")])
def test_split_folders_that_do_not_fit_together_are_refused(tmp_path: Path, fill, others: tuple[str, ...]) -> None:
    for folder in others:
        fill(tmp_path / folder / "a", 1)
        fill(tmp_path / folder / "b", 1)
    assert "beside one Training folder and nothing else" in _refusal(tmp_path)


def test_copies_never_straddle_the_split(tmp_path: Path, cache, fill) -> None:
    for label in ("a", "b"):
        for file in fill(tmp_path / label, 12):
            for number in range(3):
                shutil.copy(file, file.with_name(f"copy{number}-{file.name}"))
    data = _scan(tmp_path, cache)
    assert len(data.pictures) == 96
    assert data.split("refused") == []
    places: dict[str, set[str]] = {}
    for picture in data.pictures:
        places.setdefault(picture.sha256, set()).add(picture.split)
    assert len(places) == 24
    assert {len(splits) for splits in places.values()} == {1}


def test_training_picture_that_stands_in_test_is_taken_out_of_training(tmp_path: Path, cache, fill) -> None:
    for label in ("a", "b"):
        fill(tmp_path / "Training" / label, 12)
        fill(tmp_path / "Validation" / label, 3)
        fill(tmp_path / "Test" / label, 3)
    tested, validated = sorted((tmp_path / "Test/a").iterdir())[0], sorted((tmp_path / "Validation/b").iterdir())[0]
    shutil.copy(tested, tmp_path / "Training/a/leak.png")
    shutil.copy(tested, tmp_path / "Validation/a/leak.png")
    shutil.copy(validated, tmp_path / "Training/b/leak.png")
    data = _scan(tmp_path, cache)
    assert _reasons(data) == {
        "Training/a/leak.png": "an exact copy stands in the test split",
        "Validation/a/leak.png": "an exact copy stands in the test split",
        "Training/b/leak.png": "an exact copy stands in the validation split",
    }
    assert (len(data.split("train")), len(data.split("val")), len(data.split("test"))) == (24, 6, 6)


def test_picture_under_two_classes_is_refused_in_both_and_both_are_named(tmp_path: Path, cache, fill) -> None:
    first = fill(tmp_path / "cat", 8)[0]
    fill(tmp_path / "dog", 8)
    shutil.copy(first, tmp_path / "dog" / "twin.png")
    reason = "the same picture stands under the classes cat, dog"
    assert _reasons(_scan(tmp_path, cache)) == {f"cat/{first.name}": reason, "dog/twin.png": reason}


def test_broken_files_are_named_with_a_reason_and_all_are_counted(tmp_path: Path, cache, fill) -> None:
    whole = fill(tmp_path / "a", 8) + fill(tmp_path / "b", 8)
    (tmp_path / "a" / "bad.jpg").write_text("x")
    (tmp_path / "a" / "cut.png").write_bytes(whole[0].read_bytes()[:9000])
    (tmp_path / "a" / "empty.png").touch()
    (tmp_path / "b" / "notes.txt").write_text("not a picture")
    (tmp_path / "b" / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "b" / "pipe.png")
    data = _scan(tmp_path, cache)
    reasons = _reasons(data)
    assert set(reasons) == {"a/bad.jpg", "a/cut.png", "a/empty.png", "b/notes.txt", "b/gone.png", "b/pipe.png"}
    assert "not a picture" in reasons["a/bad.jpg"]
    assert "broken" in reasons["a/cut.png"]
    assert reasons["a/empty.png"] == "empty file"
    assert reasons["b/gone.png"] == "No such file or directory"
    assert reasons["b/pipe.png"] == "not a regular file"
    used = sum(len(data.split(split)) for split in ("train", "val", "test"))
    assert used == 16
    assert used + len(reasons) == len(data.pictures) == 22
    assert "6 of 22 files were refused and are listed in pictures.csv" in data.warnings()


def test_files_beside_the_class_folders_are_named_too(tmp_path: Path, cache, fill) -> None:
    fill(tmp_path / "a", 8)
    fill(tmp_path / "b", 8)
    (lost,) = fill(tmp_path, 1)
    assert _reasons(_scan(tmp_path, cache)) == {lost.name: "not in a class folder"}


def test_odd_extensions_and_folders_within_a_class_are_used(tmp_path: Path, cache, fill) -> None:
    (tmp_path / "a" / "deeper" / "still").mkdir(parents=True)
    fill(tmp_path / "b", 8)
    files = fill(tmp_path / "a", 6)
    names = ["UPPER.JPEG", "noextension", "wrong.gif", "deeper/still/x.png", "two words=.png", "animated.webp"]
    for file, name in zip(files, names, strict=True):
        with Image.open(file) as image:
            if name == "UPPER.JPEG":
                image.save(tmp_path / "a" / name)
            elif name == "animated.webp":
                image.save(tmp_path / "a" / name, save_all=True, append_images=[image.rotate(90)])
            else:
                shutil.copy(file, tmp_path / "a" / name)
        file.unlink()
    data = _scan(tmp_path, cache)
    assert {picture.path for picture in data.pictures if picture.label == "a"} == {f"a/{name}" for name in names}
    assert data.split("refused") == []


def test_odd_class_names_survive_to_the_labels_and_to_pictures_csv(tmp_path: Path, cache, fill) -> None:
    names = ["café noir", "猫", "a=b", "<b>x", 'quote"comma,', "l" * 200, "line\nbreak", "'; DROP TABLE"]
    for name in names:
        fill(tmp_path / "data" / name, 5)
    data = _scan(tmp_path / "data", cache)
    assert set(data.labels) == set(names)
    assert Counter(picture.label for picture in data.pictures) == dict.fromkeys(names, 5)
    write_pictures(tmp_path, list(data.pictures))
    assert read_pictures(tmp_path) == list(data.pictures)


def test_both_unicode_forms_of_a_name_are_one_class(tmp_path: Path, cache, fill) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != decomposed
    for folder in (f"Training/{decomposed}", "Training/tea", f"Test/{composed}", "Test/tea"):
        fill(tmp_path / folder, 8)
    data = _scan(tmp_path, cache)
    assert data.labels == (composed, "tea")
    assert Counter(picture.label for picture in data.split("test")) == {composed: 8, "tea": 8}
    (tmp_path / "Training" / composed).mkdir()
    assert "Unicode form" in _refusal(tmp_path)


def test_class_name_that_is_no_text_is_refused(tmp_path: Path, fill) -> None:
    fill(tmp_path / os.fsdecode(b"caf\xe9"), 1)
    fill(tmp_path / "tea", 1)
    assert "UTF-8" in _refusal(tmp_path)


def test_class_of_too_few_pictures_is_refused_and_says_which_files_were(tmp_path: Path, cache, fill) -> None:
    fill(tmp_path / "a", 8)
    fill(tmp_path / "b", 4)
    with pytest.raises(InputRefused, match=r"class 'b' has 4 usable pictures; at least 5"):
        _scan(tmp_path, cache)
    (tmp_path / "b" / "bad.jpg").write_text("x")
    with pytest.raises(InputRefused, match=r"class 'b' has 4 usable pictures \(1 were refused, the first: b/bad\.jpg: not a picture"):
        _scan(tmp_path, cache)


def test_smallest_set_allowed_has_every_class_in_every_split(tmp_path: Path, cache, fill) -> None:
    fill(tmp_path / "a", 5)
    fill(tmp_path / "b", 5)
    data = _scan(tmp_path, cache)
    assert {(picture.split, picture.label) for picture in data.pictures} == {
        (split, label) for split in ("train", "val", "test") for label in ("a", "b")
    }
    assert [line for line in data.warnings() if "only 3 training pictures" in line]


def test_class_that_is_one_picture_five_times_is_refused(tmp_path: Path, cache, fill) -> None:
    fill(tmp_path / "a", 8)
    (only,) = fill(tmp_path / "b", 1)
    for number in range(4):
        shutil.copy(only, only.with_name(f"{number}.png"))
    with pytest.raises(InputRefused, match="class 'b' has no usable training picture left"):
        _scan(tmp_path, cache)


@pytest.mark.parametrize(("large", "small", "warned"), [(100, 1, True), (30, 3, True), (29, 3, False), (50, 50, False)])
def test_imbalance_is_said_aloud(large: int, small: int, warned: bool) -> None:
    pictures = [Picture("train", "many", f"m{n}", f"m{n}") for n in range(large)]
    pictures += [Picture("train", "few", f"f{n}", f"f{n}") for n in range(small)]
    said = [line for line in DataSet(Path(), ("few", "many"), tuple(pictures)).warnings() if "mislead" in line]
    assert said == (
        [f"'many' has {large} training pictures and 'few' {small}: one accuracy over all classes will mislead"] if warned else []
    )


def test_large_balanced_set_is_not_nagged_about() -> None:
    pictures = [
        Picture(split, label, f"{label}{n}", f"{label}{n}") for label in "ab" for split in ("train", "val", "test") for n in range(20)
    ]
    assert list(DataSet(Path(), ("a", "b"), tuple(pictures)).warnings()) == []


def test_fruits_keep_their_own_test_folder(fruits: Path) -> None:
    labels = find_labels(fruits)
    assert len(labels) == 16
    assert labels[0] == "Apple Braeburn 1"
