"""Tests that planted faults are found among real photos, and that the photos are not."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter
from scipy.ndimage import gaussian_filter1d

from runtime.images.decoding import open_image
from runtime.images.preprocessing import Preprocessing
from train.data.decoded_cache import PixelCache
from train.review.visual_faults import find_visual_faults, measure_blur
from workstation.run_folder import ImageRecord


@pytest.fixture
def add(tmp_path: Path):
    """Puts an image into a cache at 96x96, and returns its record."""
    cache = PixelCache(tmp_path / "cache", Preprocessing(96, 96))

    def put(image: Image.Image, name: str) -> ImageRecord:
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "PNG")
        content = buffer.getvalue()
        sha256 = hashlib.sha256(content).hexdigest()
        cache.add(sha256, content, open_image(content, name), name)
        return ImageRecord("train", "a", name, sha256)

    put.cache = cache
    return put


def test_planted_faults_are_found_and_nothing_else(add, photos: list[Path]) -> None:
    records = []
    for path in photos[::3]:
        with Image.open(path) as image:
            records.append(add(image, path.name))
            if len(records) % 10 == 1:
                photo = image.convert("RGB")
                records += [
                    add(photo.filter(ImageFilter.GaussianBlur(10)), f"blurred {path.name}"),
                    add(ImageEnhance.Brightness(photo).enhance(0.25), f"dark {path.name}"),
                ]
    for level in (0, 128, 255):
        noise = np.random.default_rng(level).integers(-3, 4, (96, 96, 3))
        records.append(
            add(Image.fromarray(np.clip(level + noise, 0, 255).astype(np.uint8)), f"empty {level}")
        )
    records.append(add(Image.new("RGB", (96, 96), "teal"), "empty flat"))
    faults = find_visual_faults(records, add.cache)
    planted = {record.path for record in records if " " in record.path}
    assert {fault.image.path for fault in faults} == planted
    assert len(faults) == len(planted), "each is named once"
    assert all(fault.image.path.startswith(fault.kind) for fault in faults)
    kinds = [fault.kind for fault in faults]
    assert kinds == sorted(kinds, key=["empty", "dark", "blurred"].index)
    assert kinds.count("dark") == kinds.count("blurred") > 3


def test_darkness_is_no_fault_where_all_images_are_dark(add, photos: list[Path]) -> None:
    records = []
    for path in photos[:20]:
        with Image.open(path) as image:
            records.append(add(ImageEnhance.Brightness(image).enhance(0.25), path.name))
    assert not [fault for fault in find_visual_faults(records, add.cache) if fault.kind == "dark"]


@pytest.mark.parametrize("axis", [0, 1])
def test_blur_in_one_direction_counts(photos: list[Path], axis: int) -> None:
    """As that of a camera that moved."""
    with Image.open(photos[0]) as image:
        sharp = np.asarray(image.resize((96, 96)), np.float32)
    assert measure_blur(gaussian_filter1d(sharp, 3, axis=axis)) > measure_blur(sharp) + 0.2
