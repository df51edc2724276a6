"""Tests which frames the sink offers, why, and a disk that refuses."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.images.decoding import header_size
from runtime.inbox.note import read_note
from runtime.monitor.sinks.collect import open_collector
from runtime.monitor.views import View

FOLDER = View("", "images", live=False)


def options(folder: Path) -> Namespace:
    return Namespace(collect=folder, collect_most=500, collect_megabytes=200)


@pytest.fixture(autouse=True)
def nothing_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.inbox.collector.RANDOM_CHANCE", 0)


def test_an_image_has_its_reason_in_its_name_and_its_answer_inside(
    context, frame_result, change, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inbox = tmp_path / "new/inbox"
    with open_collector(options(inbox), context(views=(FOLDER,))) as sink:
        sink.on_frame(frame_result("apple", 0.5, level=0))
        sink.on_frame(frame_result("apple", 0.9, level=100))
        sink.on_change(change("banana", view=FOLDER))
        sink.on_frame(frame_result("banana", 0.9, level=200))
        sink.on_change(change(None, None, state="lost", view=FOLDER))
        sink.on_frame(frame_result("banana", 0.9, level=250))
    written, following = capsys.readouterr().err.splitlines()[-2:]
    assert written.endswith(f"images written to {inbox}: 4")
    assert following.endswith(f" label {inbox}")
    files = sorted(inbox.rglob("*.jpg"), key=lambda path: np.asarray(Image.open(path)).mean())
    reasons = [path.stem.split("_")[-1] for path in files]
    assert reasons == ["unsure", "different", "change", "different"]
    note = read_note(files[0].read_bytes())
    assert note.pop("at").startswith("20")
    assert note == {
        "reason": "unsure",
        "source": "images",
        "frame": "camera:0 #3",
        "region": None,
        "bundle_id": "0123456789ab",
        "predicted": "apple",
        "score": 0.5,
        "verdict": "unsure",
        "similarity": 0.5,
    }


def test_a_model_with_features_measures_looks_by_them(
    bundle: Path, cells: Path, run_cli, tmp_path: Path
) -> None:
    """Mirrored cells differ as thumbnails. The model learned from both; to it they are alike."""
    source = tmp_path / "cells"
    source.mkdir()
    photo = Image.open(sorted(cells.rglob("*.png"))[0])
    photo.save(source / "1.png")
    photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(source / "2.png")
    words = ["--source", source, "--collect-most", "9", "-o"]
    assert run_cli("runtime", "collect", *words, tmp_path / "looks").returncode == 0
    done = run_cli("runtime", "collect", bundle, *words, tmp_path / "features")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "looks/new").iterdir())) == 2
    assert len(list((tmp_path / "features/new").glob("*_different.jpg"))) <= 1, "chance may add one"


def test_disk_that_refuses_is_reported_and_the_run_continues(
    onnx_model, colours: Callable[..., Path], run_cli
) -> None:
    """Nobody can create a folder in /sys."""
    words = ["--source", colours("grey", "red", "grey", "lime"), "--min-score", "0.6"]
    done = run_cli("runtime", "camera", onnx_model(), *words, "--collect", "/sys/inbox")
    assert [line.split()[2] for line in done.stdout.splitlines()] == [
        *("unknown", "red", "unknown", "green")
    ]
    first, last = done.stderr.splitlines()
    assert first.startswith("python -m runtime: /sys/inbox/new: ")
    assert "ended after 4 frames" in last
    assert done.returncode == 0


def test_file_instead_of_a_folder_is_refused(context, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputRefused, match="found a file"),
        open_collector(options(tmp_path / "file"), context()),
    ):
        pass


def test_images_are_kept_as_the_training_takes_them(
    context, frame_result, onnx_model, tmp_path: Path
) -> None:
    """A model without a region was trained on what the camera's region shows."""
    model = Classifier(onnx_model())
    with_region = Classifier(onnx_model())
    with_region.preprocessing = replace(model.preprocessing, region=(0.5, 0, 0.5, 1))
    belt = View("belt", "camera:0", live=False, region=(0, 0, 0.25, 0.5))
    for name, classifier, view, size in (
        ("cut", model, belt, (16, 24)),
        ("whole", with_region, belt, (64, 48)),
        ("plain", model, FOLDER, (64, 48)),
    ):
        with open_collector(options(tmp_path / name), context(views=(FOLDER, belt))) as sink:
            sink.on_frame(replace(frame_result(view=view), classifier=classifier))
        (file,) = (tmp_path / name).rglob("*.jpg")
        assert header_size(file.read_bytes()) == size
