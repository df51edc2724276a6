"""Tests what `check` says of 16-bit grey, and that a range is fitted to training images only."""

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.images.preprocessing import Preprocessing, preprocess
from train.data.dataset import build_dataset, decode_fitted
from train.data.decoded_cache import PixelCache
from train.data.image_folder import scan_image_folder
from train.data.split import SplitFractions

Save = Callable[[np.ndarray], np.ndarray]


@pytest.fixture
def deep(cells: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder with Training and Test of 16-bit images, whose values `save` chooses."""

    def make(save: Save, test: Save | None = None) -> Path:
        for label in ("mono", "poly"):
            for number, file in enumerate(sorted((cells / label).iterdir())[:26]):
                split = "Test" if number < 6 else "Training"
                with Image.open(file) as image:
                    grey = np.asarray(image.convert("L").resize((64, 64)), np.uint16)
                values = (test or save)(grey) if split == "Test" else save(grey)
                folder = tmp_path / "deep" / split / label
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(folder / f"{number}.png")
        return tmp_path / "deep"

    return make


def check(run_cli, data: Path, *options: str) -> dict:
    done = run_cli("train", "check", data, "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("save", "most"),
    [
        (lambda grey: grey * 16, 16),
        (lambda grey: 7000 + grey * 4, 5),
        (lambda grey: grey * 64, 64),
        (lambda grey: 60_000 + grey, 2),
    ],
    ids=["12 bits", "thermal", "14 bits", "8 bits"],
)
def test_levels_that_the_upper_bits_keep_are_measured(run_cli, deep, save: Save, most: int) -> None:
    result = check(run_cli, deep(save))
    (fault,) = [fault for fault in result["faults"] if "16-bit grey" in fault]
    assert result["grey16_summary"]["images"] == 52
    assert 1 <= result["grey16_summary"]["levels_kept"][2] <= most
    assert f"to {result['grey16_summary']['levels_kept'][2]} of 256 grey levels" in fault
    assert "--grey16 data-range" in fault
    fitted = check(run_cli, deep(save), "--grey16", "data-range")
    assert not [fault for fault in fitted["faults"] if "16-bit" in fault]
    assert any("become 0 to 255" in remark for remark in fitted["remarks"])


@pytest.mark.parametrize(("scale", "faults"), [(16, 1), (257, 0)])
def test_16_bit_colour_that_gets_dark_is_a_fault(
    run_cli, cells: Path, tmp_path: Path, scale: int, faults: int
) -> None:
    for label in ("mono", "poly"):
        (tmp_path / label).mkdir()
        for number, file in enumerate(sorted((cells / label).iterdir())[:6]):
            with Image.open(file) as image:
                colour = np.asarray(image.convert("RGB").resize((32, 32)), np.uint16)
            (tmp_path / label / f"{number}.png").write_bytes(png16(colour * scale))
    found = [fault for fault in check(run_cli, tmp_path)["faults"] if "16 bits per colour" in fault]
    assert len(found) == faults


def png16(values: np.ndarray) -> bytes:
    """Returns (height, width, 3) uint16 values as PNG, which Pillow does not write."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        content += struct.pack(">I", len(data)) + kind + data + checksum
    return content


@pytest.mark.parametrize(
    "save", [lambda grey: grey * 257, lambda grey: (grey > 99) * np.uint16(3)], ids=["full", "mask"]
)
def test_images_that_lose_nothing_are_no_fault(run_cli, deep, save: Save) -> None:
    result = check(run_cli, deep(save))
    assert not [fault for fault in result["faults"] if "16-bit" in fault]


def test_range_is_that_of_the_training_images_and_gives_the_device_s_bytes(
    deep, tmp_path: Path
) -> None:
    data = deep(lambda grey: 5000 + grey, lambda grey: grey * 200)
    folder = scan_image_folder(data)
    cache = PixelCache(tmp_path / "cache", Preprocessing(32, 32), fits_grey16=True)
    dataset = build_dataset(folder, cache, SplitFractions(), 7)
    fitted = decode_fitted(folder, dataset, cache)
    training = [np.asarray(Image.open(data / image.path)) for image in dataset.split("train")]
    low, high = min(map(np.min, training)), max(map(np.max, training))
    assert fitted.preprocessing.grey16 == (low, high)
    for image in (*dataset.split("train"), *dataset.split("test")):
        pixels = fitted.read([image.sha256])[0]
        assert np.array_equal(pixels, preprocess(data / image.path, fitted.preprocessing))
    plain = PixelCache(tmp_path / "cache", Preprocessing(32, 32))
    build_dataset(folder, plain, SplitFractions(), 7)
    sha256 = dataset.images[0].sha256
    assert not np.array_equal(plain.read([sha256]), fitted.read([sha256]))


def test_dead_pixels_do_not_stretch_the_range(deep, tmp_path: Path) -> None:
    data = deep(lambda grey: 5000 + grey)
    values = np.full((300, 300), 5100, np.uint16)
    values.flat[:9] = 65_535
    Image.fromarray(values).save(data / "Training" / "mono" / "large.png")
    cache = PixelCache(tmp_path / "cache", Preprocessing(32, 32), fits_grey16=True)
    folder = scan_image_folder(data)
    dataset = build_dataset(folder, cache, SplitFractions(), 7)
    low, high = decode_fitted(folder, dataset, cache).preprocessing.grey16
    assert 5000 <= low < high <= 5255


def test_set_of_8_bits_has_no_range_and_a_mixture_is_named(run_cli, cells: Path, deep) -> None:
    done = run_cli("train", "check", cells, "--grey16", "data-range")
    assert done.returncode == 2
    assert "none of its training images is 16-bit grey" in done.stderr
    data = deep(lambda grey: grey * 16)
    for number, file in enumerate(sorted((data / "Training" / "poly").iterdir())[:4]):
        Image.fromarray((np.asarray(Image.open(file)) >> 4).astype(np.uint8) + number).save(file)
    remarks = check(run_cli, data, "--grey16", "data-range")["remarks"]
    assert any(
        "48 of 52 images are 16-bit grey, the others have 8 bits" in text for text in remarks
    )


def test_run_bundle_and_device_see_the_bytes_of_the_training(run_cli, deep, tmp_path: Path) -> None:
    data, run, bundle = deep(lambda grey: 7000 + grey * 4), tmp_path / "run", tmp_path / "bundle"
    options = ("--backbone", "simple-cnn", "--input-size", "32", "--head-epochs", "1")
    done = run_cli("train", data, "-o", run, *options, "--epochs", "0", "--grey16", "data-range")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((run / "manifest.json").read_text())
    low, high = manifest["preprocessing"]["grey16"]
    assert 7000 <= low < high <= 8020
    done = run_cli("export", "onnx", run, "-o", bundle, "--allow-poor-model")
    assert done.returncode == 0, done.stderr
    assert json.loads((bundle / "manifest.json").read_text())["preprocessing"]["grey16"] == [
        low,
        high,
    ]
    (model,) = bundle.glob("*.onnx")
    shown = json.loads(run_cli("runtime", "info", model, "--json").stdout)
    assert shown["grey16_range"] == [low, high]
    golden = json.loads((bundle / "golden" / "golden.json").read_text())["samples"]
    preprocessing = Preprocessing(32, 32, grey16=(low, high))
    for sample in golden:
        file = bundle / "golden" / sample["file"]
        expected = np.asarray(Image.open(bundle / "golden" / "pixels" / file.name))
        assert np.array_equal(preprocess(file, preprocessing), expected)
        assert len(np.unique(expected)) > 50
    assert run_cli("runtime", "verify", bundle).returncode == 0
    source, inbox = f"{bundle}/golden/*.png", tmp_path / "inbox"
    done = run_cli("runtime", "collect", bundle, "--source", source, "-o", inbox)
    assert done.returncode == 0, done.stderr
    saved = list(inbox.rglob("*.jpg"))
    assert saved
    for path in saved:  # 8 bits by the upper bits would keep 5 grey levels
        with Image.open(path) as image:
            assert len(np.unique(np.asarray(image.convert("L")))) > 50
