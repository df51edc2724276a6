"""Tests the search for near-duplicates on real images and on clips.

Groups and pairs are compared with those of comparing every image with every other.
"""

import io
import time
import tracemalloc
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from runtime.images.decoding import decode
from runtime.images.preprocessing import resize
from runtime.images.upright import upright_rgb
from train.data import near_duplicates
from train.data.decoded_cache import DECODED_FOR, THUMBNAIL
from train.data.near_duplicates import MAX_BITS, MIN_COLOUR, MIN_STEPS, NearDuplicateSearch


def _thumbnail(content: bytes) -> np.ndarray:
    return resize(decode(content, DECODED_FOR.decode_side), THUMBNAIL)


def _encoded(image: Image.Image, format_: str = "PNG", **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, compress_level=1, **options)
    return buffer.getvalue()


def _search(
    thumbnails: np.ndarray, parts: list[int] | None = None
) -> tuple[list[list[int]], list[tuple[int, int]]]:
    search = NearDuplicateSearch()
    for start in range(0, len(thumbnails), 100):
        search.add(thumbnails[start : start + 100])
    assert len(search) == len(thumbnails)
    return search.run(np.array(parts or [0] * len(thumbnails)))


@pytest.fixture(scope="module")
def sample(cells: Path, request: pytest.FixtureRequest) -> tuple[list[Image.Image], np.ndarray]:
    """Images and thumbnails of 40 solar cells that do not look alike, and of 40 groceries.

    The groceries are left out where they are not installed.
    """
    files = sorted(cells.rglob("*.png"))[::3]
    try:
        groceries = sorted(request.getfixturevalue("grocery").rglob("*.jpg"))
        files += groceries[:: len(groceries) // 40]
    except pytest.skip.Exception:
        pass
    contents = [file.read_bytes() for file in files]
    thumbnails = np.stack([_thumbnail(content) for content in contents])
    groups, _ = _search(thumbnails)
    doubles = {index for group in groups for index in group[1:]}
    kept = [index for index in range(len(contents)) if index not in doubles]
    images = [upright_rgb(Image.open(io.BytesIO(contents[index]))) for index in kept]
    return images, thumbnails[kept]


CHANGES = {
    "JPEG of quality 70": lambda image: _encoded(image, "JPEG", quality=70),
    "shift by one pixel": lambda image: _encoded(image.crop((1, 1, image.width, image.height))),
    "darker": lambda image: _encoded(ImageEnhance.Brightness(image).enhance(0.8)),
    "brighter": lambda image: _encoded(ImageEnhance.Brightness(image).enhance(1.15)),
    "more contrast": lambda image: _encoded(ImageEnhance.Contrast(image).enhance(1.2)),
    "half the size": lambda image: _encoded(image.resize((image.width // 2, image.height // 2))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_copy_is_found_and_no_other_image_with_it(sample, change) -> None:
    images, thumbnails = sample
    changed = np.stack([_thumbnail(change(image)) for image in images])
    groups, _ = _search(np.concatenate([thumbnails, changed]))
    expected = [[index, index + len(images)] for index in range(len(images))]
    assert all(set(group) in map(set, expected) for group in groups), (
        "different images thrown together"
    )
    assert len(groups) >= 0.95 * len(images)


def test_other_colours_and_mirror_images_are_other_images(sample) -> None:
    image = sample[0][-1]
    red = Image.merge(
        "RGB",
        [
            image.getchannel("R"),
            *(Image.eval(image.getchannel(c), lambda level: level // 4) for c in "GB"),
        ],
    )
    others = [image, red, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), image.rotate(180)]
    assert _search(np.stack([_thumbnail(_encoded(other)) for other in others])) == ([], [])


def test_flat_images_are_near_duplicates_of_nothing() -> None:
    flat = [np.full((32, 32, 3), level, np.uint8) for level in (0, 0, 127, 255)]
    assert _search(np.stack(flat)) == ([], [])


def test_frames_of_a_clip_are_one_group_though_the_first_and_last_differ(clip) -> None:
    thumbnails = np.stack([_thumbnail(frame) for frame in clip(0, 40)])
    assert _search(thumbnails) == ([list(range(40))], [])
    assert _search(thumbnails[[0, 39]]) == ([], [])


@pytest.mark.parametrize("at_once", [40, 4096])
def test_groups_and_pairs_are_those_of_comparing_all_with_all(
    fruits: Path, monkeypatch, at_once: int
) -> None:
    monkeypatch.setattr(near_duplicates, "ROWS", 100)
    monkeypatch.setattr(near_duplicates, "PAIRS", at_once)
    folders = [
        fruits / split / label
        for label in ("Apple Red 2", "Tomato 2")
        for split in ("Training", "Test")
    ]
    files = [file for folder in folders for file in sorted(folder.iterdir())]
    parts = [folders.index(file.parent) for file in files]
    thumbnails = np.stack([_thumbnail(file.read_bytes()) for file in files])
    groups, pairs = _search(thumbnails, parts)

    hashes = [imagehash.phash(Image.fromarray(thumbnail)) for thumbnail in thumbnails]
    bits = np.array([[left - right for right in hashes] for left in hashes])
    small = thumbnails.reshape(len(files), 16, 2, 16, 2, 3).mean((2, 4))
    colour = np.corrcoef(small.reshape(len(files), -1))
    steps = np.corrcoef(
        [np.append(np.diff(image, axis=0), np.diff(image, axis=1)) for image in small]
    )
    alike = (bits <= MAX_BITS) & (colour >= MIN_COLOUR) & (steps >= MIN_STEPS)
    near = {(int(left), int(right)) for left, right in np.argwhere(alike) if left != right}

    assert set(pairs) <= near
    both_ways = [*pairs, *((right, left) for left, right in pairs)]
    assert {(left, parts[right]) for left, right in both_ways} == (
        {(left, parts[right]) for left, right in near if parts[left] != parts[right]}
    )
    assert len(pairs) > 100
    count, component = connected_components(coo_matrix(alike), directed=False)
    members = [np.flatnonzero(component == number).tolist() for number in range(count)]
    assert groups == sorted(group for group in members if len(group) > 1)


def test_twenty_thousand_images_take_seconds_and_little_memory() -> None:
    """Half of them look the same, as from a camera that does not move, in two splits."""
    rng = np.random.default_rng(7)
    scene = rng.integers(0, 256, (32, 32, 3), np.uint8)
    far = rng.integers(0, 256, (10_000, 32, 32, 3), np.uint8)
    near = np.clip(scene + rng.integers(-3, 4, (10_000, 32, 32, 3)), 0, 255).astype(np.uint8)
    search = NearDuplicateSearch()
    for block in (far, near):
        search.add(block)
    tracemalloc.start()
    start = time.monotonic()
    groups, pairs = search.run(np.arange(20_000) % 2)
    seconds, (_, peak) = time.monotonic() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert groups == [list(range(10_000, 20_000))]
    assert {index for pair in pairs for index in pair} == set(groups[0])
    assert len(pairs) < 1_000_000
    assert peak < 400e6
    assert seconds < 60
