"""Tests --region from training to the device: all of it sees the same part of whole frames."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.classifier import Classifier
from runtime.images.preprocessing import Preprocessing, preprocess
from runtime.images.region import read_region
from train.data.dataset import build_dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import scan_image_folder
from train.data.split import SplitFractions

PART = "0.5,0.25,0.25,0.5"
REGION = read_region(PART)


@pytest.fixture
def frames(cells: Path, tmp_path: Path) -> Path:
    """A class folder of frames, 400x200, that differ only in the solar cell within REGION."""
    folder = tmp_path / "frames"
    background = Image.effect_mandelbrot((400, 200), (-2, -1, 2, 1), 40).convert("RGB")
    for file in sorted(cells.glob("*/*.png")):
        frame = background.copy()
        frame.paste(Image.open(file).convert("RGB").resize((100, 100)), (200, 50))
        place = folder / file.parent.name / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        frame.save(place)
    return folder


def test_images_are_compared_by_their_region(frames: Path, tmp_path: Path) -> None:
    """Frames of one camera are near-duplicates of each other everywhere else."""
    whole = PixelCache(tmp_path / "cache", Preprocessing(32, 32))
    part = PixelCache(tmp_path / "cache", Preprocessing(32, 32, region=REGION))
    folder = scan_image_folder(frames)
    found = {cache: build_dataset(folder, cache, SplitFractions(), 7) for cache in (whole, part)}
    images = len(found[part].images)
    alike = {cache: sum(map(len, data.appearance.groups)) for cache, data in found.items()}
    assert alike[part] < images / 4 < images / 2 < alike[whole]
    assert set(found[part].appearance.sizes.values()) == {(100, 100)}
    for image in found[part].images:
        pixels = part.read([image.sha256])[0]
        assert np.array_equal(pixels, preprocess(frames / image.path, part.preprocessing))


def test_run_bundle_and_device_cut_the_same_region(run_cli, frames: Path, tmp_path: Path) -> None:
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    options = ("--backbone", "simple-cnn", "--head-epochs", "1", "--epochs", "0", "--region", PART)
    done = run_cli("train", frames, "-o", run, *options)
    assert done.returncode == 0, done.stderr
    preprocessing = json.loads((run / "manifest.json").read_text())["preprocessing"]
    assert preprocessing["region"] == list(REGION)
    assert preprocessing["width"] == 96, "the size of the region counts, not that of the frame"
    done = run_cli("export", "onnx", run, "-o", bundle, "--allow-poor-model")
    assert done.returncode == 0, done.stderr
    assert "region 0.5, 0.25, 0.25, 0.5 (x, y, width, height)" in (bundle / "README.md").read_text()
    (model,) = bundle.glob("*.onnx")
    assert json.loads(run_cli("runtime", "info", model, "--json").stdout)["region"] == list(REGION)
    classifier = Classifier(bundle)
    golden = json.loads((bundle / "golden" / "golden.json").read_text())["samples"]
    for sample in golden:
        frame = Image.open(bundle / "golden" / sample["file"])
        pixels = preprocess(frame, classifier.preprocessing)
        expected = np.asarray(Image.open(bundle / "golden" / "pixels" / sample["file"]))
        assert np.array_equal(pixels, expected)
        by_hand = preprocess(frame.crop((200, 50, 300, 150)), Preprocessing(96, 96))
        assert np.array_equal(pixels, by_hand)
    assert run_cli("runtime", "verify", bundle).returncode == 0


def test_region_outside_the_image_is_refused_before_any_work(run_cli, tmp_path: Path) -> None:
    for command in (("check",), ("-o", tmp_path / "run"), ("choose",)):
        first, *rest = command
        words = (tmp_path, *command) if first == "-o" else (first, tmp_path, *rest)
        done = run_cli("train", *words, "--region", "0.5,0,0.6,1")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "--region: expected X,Y,W,H" in done.stderr
