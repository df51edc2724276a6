"""Tests the cache of decoded images: decoded once, found by content, whole or missing."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.errors import ImageRefused, MachineError
from runtime.images.decoding import decode, open_image
from runtime.images.preprocessing import Preprocessing, preprocess, resize
from runtime.system.hashing import sha256_of
from train.data import decoded_cache as cache_module
from train.data.dataset import build_dataset
from train.data.decoded_cache import DECODED_FOR, THUMBNAIL, PixelCache
from train.data.image_folder import scan_image_folder
from train.data.split import SplitFractions

AT_64 = Preprocessing(64, 64)


@pytest.fixture(scope="module")
def image(cells: Path) -> Path:
    return sorted((cells / "poly").iterdir())[0]


def _add(cache: PixelCache, image: Path) -> str:
    content = image.read_bytes()
    cache.add(sha256_of(content), content, open_image(content, str(image)), str(image))
    return sha256_of(content)


def _forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("decoded a second time")

    monkeypatch.setattr(cache_module, "decode", fail)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_pixels_are_those_of_preprocess(tmp_path: Path, image: Path) -> None:
    for preprocessing in (AT_64, Preprocessing(32, 48, "pad"), Preprocessing(48, 32, "squash")):
        cache = PixelCache(tmp_path, preprocessing)
        pixels = cache.read([_add(cache, image)] * 2)
        assert pixels.dtype == np.uint8
        assert np.array_equal(pixels[0], preprocess(image, preprocessing))
        assert np.array_equal(pixels[1], pixels[0])


def _gray16(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


ODD = {
    "gray16.png": (_gray16, {}),
    "cmyk.jpg": (lambda image: image.convert("CMYK"), {}),
    "rgba.png": (
        lambda image: Image.merge("RGBA", [*image.convert("RGB").split(), image.convert("L")]),
        {},
    ),
    "la.png": (lambda image: Image.merge("LA", [image.convert("L")] * 2), {}),
    "transparent.gif": (lambda image: image.convert("P"), {"transparency": 100}),
    "1bit.tif": (lambda image: image.convert("1"), {}),
    "animated.gif": (
        lambda image: image.convert("L"),
        {"save_all": True, "append_images": [Image.new("L", (300, 300))]},
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_kinds_of_image_are_trained_on_with_the_pixels_the_device_sees(
    tmp_path: Path, image: Path, name: str
) -> None:
    convert, options = ODD[name]
    with Image.open(image) as opened:
        convert(opened).save(tmp_path / name, **options)
    cache = PixelCache(tmp_path / "cache", AT_64)
    assert np.array_equal(
        cache.read([_add(cache, tmp_path / name)])[0], preprocess(tmp_path / name, AT_64)
    )


def test_images_and_thumbnails_are_upright(tmp_path: Path, camera_jpegs: Path) -> None:
    cache = PixelCache(tmp_path, AT_64)
    for kind in ("Landscape", "Portrait"):
        files = [
            camera_jpegs / "exif_orientation_examples" / f"{kind}_{orientation}.jpg"
            for orientation in range(1, 9)
        ]
        for pixels in (
            cache.read([_add(cache, file) for file in files]),
            cache.thumbnails([sha256_of(file.read_bytes()) for file in files]),
        ):
            assert np.abs(pixels.astype(int) - pixels[0]).mean() < 5


def test_second_scan_decodes_nothing_even_where_files_were_renamed(
    tmp_path: Path, cells: Path, monkeypatch
) -> None:
    first = build_dataset(
        scan_image_folder(cells), PixelCache(tmp_path / "cache", AT_64), SplitFractions(), 7
    )
    moved = Path(shutil.copytree(cells, tmp_path / "moved"))
    for number, file in enumerate(sorted((moved / "mono").iterdir())):
        file.rename(file.with_name(f"other-{number}"))
    _forbid_decoding(monkeypatch)
    cache = PixelCache(tmp_path / "cache", AT_64)
    second = build_dataset(scan_image_folder(moved), cache, SplitFractions(), 7)
    assert second.digest() == first.digest()
    assert cache.read([second.images[0].sha256]).any()


def test_reading_pixels_makes_them_the_last_used(tmp_path: Path, image: Path) -> None:
    """--cache-limit goes by this time."""
    cache = PixelCache(tmp_path, AT_64)
    sha256 = _add(cache, image)
    for file in _files(tmp_path):
        os.utime(file, (0, 0))
    cache.read([sha256])
    used = [file for file in _files(tmp_path) if file.stat().st_mtime > 0]
    assert [file.parents[1].name.split("-")[1] for file in used] == ["64x64"]


@pytest.mark.parametrize(
    "other", [Preprocessing(64, 32), Preprocessing(32, 64), Preprocessing(64, 64, "pad")]
)
def test_another_geometry_is_another_entry(
    tmp_path: Path, image: Path, other: Preprocessing
) -> None:
    for preprocessing in (AT_64, other):
        cache = PixelCache(tmp_path, preprocessing)
        assert np.array_equal(cache.read([_add(cache, image)])[0], preprocess(image, preprocessing))
    assert len(_files(tmp_path)) == 3, "and one thumbnail"


def test_new_content_under_an_old_name_is_decoded_anew(tmp_path: Path, cells: Path) -> None:
    cache = PixelCache(tmp_path / "cache", AT_64)
    one, other = sorted((cells / "poly").iterdir())[:2]
    file = Path(shutil.copy(one, tmp_path / "a.png"))
    before = cache.read([_add(cache, file)])[0]
    shutil.copy(other, file)
    after = cache.read([_add(cache, file)])[0]
    assert not np.array_equal(before, after)
    assert np.array_equal(after, preprocess(other, AT_64))


def test_images_that_vanish_after_the_scan_are_still_there_to_train_on(
    tmp_path: Path, cells: Path
) -> None:
    data = Path(shutil.copytree(cells, tmp_path / "cells"))
    cache = PixelCache(tmp_path / "cache", AT_64)
    found = build_dataset(scan_image_folder(data), cache, SplitFractions(), 7)
    shutil.rmtree(data)
    assert np.array_equal(
        cache.read([found.images[5].sha256])[0], preprocess(cells / found.images[5].path, AT_64)
    )


@pytest.mark.parametrize("kept", [0, 100])
def test_cut_entry_is_made_again(tmp_path: Path, image: Path, kept: int) -> None:
    cache = PixelCache(tmp_path, AT_64)
    sha256 = _add(cache, image)
    before = cache.thumbnails([sha256])
    for entry in _files(tmp_path):
        entry.write_bytes(entry.read_bytes()[:kept])
    _add(cache, image)
    assert np.array_equal(cache.read([sha256])[0], preprocess(image, AT_64))
    assert np.array_equal(cache.thumbnails([sha256]), before)


@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
def test_thumbnail_is_of_the_whole_image_and_the_same_whatever_the_geometry(
    tmp_path: Path, image: Path, format_: str
) -> None:
    """A JPEG is decoded at a scale that depends on the geometry; the split must not."""
    large = tmp_path / f"large.{format_}"
    with Image.open(image) as opened:
        opened.convert("RGB").resize((1200, 900)).save(large, format_)
    for number, preprocessing in enumerate(
        (AT_64, Preprocessing(500, 500), Preprocessing(96, 32, "pad"))
    ):
        cache = PixelCache(tmp_path / str(number), preprocessing)
        expected = resize(decode(large.read_bytes(), DECODED_FOR.decode_side), THUMBNAIL)
        assert np.array_equal(cache.thumbnails([_add(cache, large)])[0], expected)
        assert np.array_equal(
            cache.read([sha256_of(large.read_bytes())])[0], preprocess(large, preprocessing)
        )


@pytest.mark.parametrize(
    ("format_", "side", "times"),
    [("PNG", 64, 1), ("JPEG", 224, 1), ("JPEG", 192, 1), ("JPEG", 64, 2)],
)
def test_thumbnail_costs_no_second_decoding_where_one_will_do(
    tmp_path: Path, image: Path, monkeypatch, format_: str, side: int, times: int
) -> None:
    decoded = []
    monkeypatch.setattr(
        cache_module,
        "decode",
        lambda content, *rest: decoded.append(content) or decode(content, *rest),
    )
    file = tmp_path / f"large.{format_}"
    with Image.open(image) as opened:
        opened.convert("RGB").resize((1200, 900)).save(file, format_)
    _add(PixelCache(tmp_path, Preprocessing(side, side)), file)
    assert len(decoded) == times
    _add(PixelCache(tmp_path, Preprocessing(32, 48)), file)
    assert len(decoded) == times + 1, "the thumbnail was there"
    _add(PixelCache(tmp_path, Preprocessing(32, 32, "squash")), file)
    assert len(decoded) == times + 2, "an input as small as a thumbnail is not one"


def test_broken_image_leaves_nothing_in_the_cache(tmp_path: Path, image: Path) -> None:
    cut = image.read_bytes()[:2000]
    with pytest.raises(ImageRefused, match=r"cut\.png"):
        PixelCache(tmp_path, AT_64).add(sha256_of(cut), cut, open_image(cut, "cut.png"), "cut.png")
    assert _files(tmp_path) == []


def test_folder_that_cannot_hold_a_cache_is_the_machines_fault(tmp_path: Path, image: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(MachineError, match="--cache") as caught:
        _add(PixelCache(tmp_path / "file", AT_64), image)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


def test_read_only_file_system_is_the_machines_fault(image: Path) -> None:
    with pytest.raises(MachineError, match="--cache"):
        _add(PixelCache(Path("/proc/quince"), AT_64), image)


def test_full_disk_is_the_machines_fault_and_leaves_no_half_entry(small_disk, image: Path) -> None:
    disk = small_disk("100k")
    cache = PixelCache(disk, Preprocessing(224, 224))
    with pytest.raises(MachineError, match=r"No space left.*--cache"):
        _add(cache, image)
    assert _files(disk) == []


@pytest.mark.parametrize(
    "fault", [Path.unlink, lambda path: path.write_bytes(b"cut")], ids=["gone", "cut"]
)
def test_image_that_is_no_longer_there_is_said(tmp_path: Path, image: Path, fault) -> None:
    cache = PixelCache(tmp_path, AT_64)
    sha256 = _add(cache, image)
    (file,) = (file for file in _files(tmp_path) if "thumbnails" not in str(file))
    fault(file)
    with pytest.raises(MachineError, match="run the same command again") as caught:
        cache.read([sha256])
    assert caught.value.thing == str(file)
    _add(cache, image)
    assert cache.read([sha256]).any(), "which is true"
