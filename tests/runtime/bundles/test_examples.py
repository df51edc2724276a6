"""Tests examples.zip of a real bundle, and refuses archives that are none."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.bundles.bundle import EXAMPLES
from runtime.bundles.examples import (
    LIST,
    MAX_EXAMPLES,
    SHEET,
    Example,
    Examples,
    make_sheet,
    quantize_features,
    read_examples,
    write_examples,
)
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.explanation.explainer import Explainer
from runtime.images.preprocessing import preprocess

FILES = ("model.int8.tflite", "model.fp32.onnx")
Members = dict[str, bytes]


@pytest.mark.parametrize("file", FILES)
def test_training_image_is_nearest_to_itself(exported: Path, cells: Path, file: str) -> None:
    classifier = Classifier(exported, artifact=file)
    examples, explainer = read_examples(exported), Explainer(classifier)
    assert examples is not None
    for index in (0, 7, len(examples.images) - 1):
        example = examples.images[index]
        pixels = preprocess(cells / example.path, classifier.preprocessing)
        first, second, third = explainer.explain(pixels, 0).nearest
        assert first.example == example
        assert first.similarity == pytest.approx(1, abs=2e-3)
        assert first.similarity >= second.similarity >= third.similarity
        small = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(small, float) - first.pixels).mean() < 8  # a JPEG


def test_labels_are_those_of_the_folders(exported: Path) -> None:
    examples = read_examples(exported)
    assert examples is not None
    assert all(path.split("/")[0] == label for path, label in examples.images)
    assert {label for _, label in examples.images} == {"mono", "poly"}


def test_pictures_show_them(bundle: Path, cells: Path, run_cli, tmp_path: Path) -> None:
    image = next((cells / "mono").iterdir())
    heights = []
    for folder in ("with", "without"):
        done = run_cli("runtime", "predict", bundle, image, "--explain", tmp_path / folder)
        assert done.returncode == 0, done.stderr
        (file,) = (tmp_path / folder).iterdir()
        with Image.open(file) as picture:
            heights.append(picture.height)
        (bundle / EXAMPLES).unlink(missing_ok=True)
    assert heights[0] > heights[1]


def test_install_copies_them_and_refuses_others(bundle: Path, run_cli, tmp_path: Path) -> None:
    done = run_cli("runtime", "install", bundle, tmp_path / "place")
    assert done.returncode == 0, done.stderr
    copied = (tmp_path / "place" / EXAMPLES).read_bytes()
    assert copied == (bundle / EXAMPLES).read_bytes()
    swap(bundle, lambda members: members.update({LIST: members[LIST].replace(b"mono", b"poly")}))
    done = run_cli("runtime", "install", bundle, tmp_path / "place")
    assert done.returncode == 2
    assert "changed since export" in done.stderr
    assert (tmp_path / "place" / EXAMPLES).read_bytes() == copied


def test_lost_examples_are_a_change_too(bundle: Path, run_cli, tmp_path: Path) -> None:
    (bundle / EXAMPLES).unlink()
    done = run_cli("runtime", "install", bundle, tmp_path / "place")
    assert done.returncode == 2
    assert "changed since export" in done.stderr


def test_equal_examples_are_equal_bytes(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    pixels = np.zeros((3, 32, 32, 3), np.uint8)
    images = tuple(Example(f"{number}.png", "a") for number in range(3))
    contents = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        rows = {"0" * 64: quantize_features(features)}
        write_examples(folder, Examples(images, make_sheet(pixels), rows))
        contents.append((folder / EXAMPLES).read_bytes())
    assert contents[0] == contents[1]


def test_rows_of_zeros_are_near_to_nothing() -> None:
    rows = {"": quantize_features(np.zeros((4, 8), np.float32))}
    images = (Example("", ""),) * 4
    found = Examples(images, make_sheet(np.zeros((4, 8, 8, 1), np.uint8)), rows).nearest(
        "", np.ones(8, np.float32)
    )
    assert [neighbour.similarity for neighbour in found] == [0, 0, 0]


def swap(bundle: Path, change: Callable[[Members], object], compression: int = 0) -> None:
    """Writes examples.zip again with other members."""
    with zipfile.ZipFile(bundle / EXAMPLES) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(bundle / EXAMPLES, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def listed(images: object, schema: object = 1) -> bytes:
    return json.dumps({"schema": schema, "images": images}).encode()


def png(side: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (side, side)).save(content, "PNG")
    return content.getvalue()


ROW = {"path": "a.png", "label": "a"}
HOSTILE: dict[str, Members] = {
    "no list": {LIST: b""},
    "another schema": {LIST: listed([ROW], 2)},
    "no images": {LIST: listed([])},
    "too many images": {LIST: listed([ROW] * (MAX_EXAMPLES + 1))},
    "a row of text": {LIST: listed(["a"])},
    "a row with more": {LIST: listed([{**ROW, "more": 1}])},
    "a label that is a number": {LIST: listed([{**ROW, "label": 5}])},
    "a label of a million characters": {LIST: listed([{**ROW, "label": "x" * 10**6}])},
    "deep JSON": {LIST: b"[" * 100_000},
    "no sheet": {SHEET: b""},
    "a sheet of another size": {SHEET: png(64)},
    "features of no whole rows": {"features/a": b"123"},
    "an unknown member": {"../../etc/passwd": b"x" * 1000},
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_archive_that_does_not_fit_is_refused_in_one_line(
    bundle: Path, run_cli, tmp_path: Path, members: Members
) -> None:
    swap(bundle, lambda real: real.update(members))
    with pytest.raises(InputRefused, match="not usable examples") as refusal:
        read_examples(bundle)
    assert len(str(refusal.value)) < 500


def test_compressed_and_cut_archives_are_refused(bundle: Path, tmp_path: Path) -> None:
    content = (bundle / EXAMPLES).read_bytes()
    for size in (0, 10, len(content) // 2, len(content) - 1):
        (bundle / EXAMPLES).write_bytes(content[:size])
        with pytest.raises(InputRefused, match="a damaged archive"):
            read_examples(bundle)
    (bundle / EXAMPLES).write_bytes(content)
    swap(bundle, lambda _: None, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputRefused, match="without compression"):
        read_examples(bundle)
    (bundle / EXAMPLES).unlink()
    with (bundle / EXAMPLES).open("wb") as file:
        file.truncate(40 * 2**20)
    with pytest.raises(InputRefused, match="over"):
        read_examples(bundle)


def test_every_flipped_byte_is_read_or_refused(bundle: Path) -> None:
    content = bytearray((bundle / EXAMPLES).read_bytes())
    for position in np.random.default_rng(0).integers(0, len(content), 60).tolist():
        changed = content.copy()
        changed[position] ^= 0xFF
        (bundle / EXAMPLES).write_bytes(changed)
        try:
            read_examples(bundle)
        except InputRefused:
            continue


def test_features_of_another_size_are_refused(bundle: Path, cells: Path, run_cli, tmp_path) -> None:
    def cut(members: Members) -> None:
        for name in members:
            if name.startswith("features/"):
                members[name] = members[name][: len(members[name]) // 2]

    swap(bundle, cut)
    image = next((cells / "mono").iterdir())
    done = run_cli("runtime", "predict", bundle, image, "--explain", tmp_path / "maps")
    assert done.returncode == 2
    assert "features, found" in done.stderr.splitlines()[-1]


def test_file_of_that_name_beside_a_lone_model_is_not_read(
    bundle: Path, cells: Path, run_cli, tmp_path: Path
) -> None:
    shutil.copy(bundle / FILES[0], tmp_path)
    (tmp_path / EXAMPLES).write_text("somebody's")
    image = next((cells / "mono").iterdir())
    done = run_cli("runtime", "predict", tmp_path / FILES[0], image, "--explain", tmp_path / "maps")
    assert done.returncode == 0, done.stderr


def test_export_leaves_them_out(trained: Path, run_cli, tmp_path: Path) -> None:
    export = ("export", "tflite", trained, "-o", tmp_path / "b", "--max-drop", "0.2")
    done = run_cli(*export, "--min-agreement", "0.8")
    assert "MB of training images" in done.stderr
    assert (tmp_path / "b" / EXAMPLES).exists()
    done = run_cli(*export, "--min-agreement", "0.8", "--no-examples", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "b" / EXAMPLES).exists()
    shutil.rmtree(tmp_path / "b")
