"""report.html shows what was measured, needs no other file, and shows hostile names as text."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workstation.keras_setup import prepare_tensorflow

prepare_tensorflow()

from runtime.bundles.bundle import Bundle
from runtime.errors import ImageRefused
from runtime.models.manifest import Manifest
from train.evaluation.metrics import compute_metrics
from train.evaluation.predictions import LabelledPrediction, read_predictions
from train.report.report import MAX_CLASSES, MAX_MISTAKES, TrainingSection, render
from workstation.run_folder import ImageRecord

HOSTILE = "<img src=x onerror=alert(1)>"
PIXELS = np.full((64, 64, 3), 127, np.uint8)


@pytest.fixture(scope="module")
def page(trained: Path) -> str:
    return (trained / "report.html").read_text()


@pytest.fixture(scope="module")
def manifest(trained: Path) -> Manifest:
    return Bundle.open(trained).manifest


def page_on(
    manifest: Manifest,
    predictions: Sequence[LabelledPrediction],
    *,
    labels: tuple[str, ...] = ("a", "b"),
    **changes: object,
) -> str:
    options: dict[str, object] = {
        "command": "",
        "packages": {},
        "findings": [],
        "tested_on": "some images",
    } | changes
    manifest = replace(manifest, labels=labels)
    return render(manifest, predictions, lambda _: PIXELS, **options).decode()  # type: ignore[arg-type]


def test_needs_no_other_file_and_no_script(page: str) -> None:
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert not re.findall(r"url\((?!#)|@import|<script", page)
    assert "default-src 'none'" in page


def test_shows_what_was_measured(page: str, manifest: Manifest, trained: Path, elements) -> None:
    text = elements(page).text
    results = manifest.provenance["results"]
    for figure in (
        "test_accuracy",
        "test_accuracy_low",
        "test_accuracy_high",
        "balanced_accuracy",
        "val_accuracy",
    ):
        assert f"{100 * results[figure]:.1f} %" in text, figure
    metrics = compute_metrics(manifest.labels, read_predictions(trained / "test_predictions.csv"))
    assert metrics.accuracy == results["test_accuracy"]
    for score in metrics.class_scores:
        assert score.label in text
        assert f"{score.f1:.3f}" in text
    assert "python -m train cells -o cells --backbone simple-cnn" in text
    assert "The seed is 7" in text
    assert "keras 3." in text
    assert results["kept_weights"] in text


def test_shows_the_wrong_images_and_the_augmented_ones(page: str, trained: Path) -> None:
    predictions = read_predictions(trained / "test_predictions.csv")
    wrong = [prediction for prediction in predictions if not prediction.correct]
    assert page.count('<div class="card">') == min(len(wrong), MAX_MISTAKES)
    assert all(prediction.path in page for prediction in wrong[:MAX_MISTAKES])
    assert page.count('alt="a variant"') == 2 * 7
    assert page.count("data:image/jpeg") == 2 * 8 + min(len(wrong), MAX_MISTAKES)


def test_files_beside_it_are_whole(trained: Path) -> None:
    image = Image.open(trained / "confusion.png")
    image.load()
    assert min(image.size) > 300


def test_rare_classes_do_not_hide(manifest: Manifest, elements) -> None:
    predictions = [LabelledPrediction(f"{n}.jpg", "a", "a", 0.9, "") for n in range(98)] + [
        LabelledPrediction(f"b{n}.jpg", "b", "a", 0.9, "") for n in range(2)
    ]
    text = elements(page_on(manifest, predictions)).text
    assert "50.0 %balanced accuracy" in text
    assert "98.0 %majority baseline" in text
    assert "0.000lowest F1of ‘b’" in re.sub(r"\n\s*", "", text)


def test_names_are_text(manifest: Manifest, elements) -> None:
    predictions = [LabelledPrediction(HOSTILE, HOSTILE, "b", 0.9, "")]
    training = TrainingSection(
        results={"seconds": 1.0, "kept_weights": HOSTILE, "val_accuracy": 0.5, "augmentation": []},
        options={"seed": 1, "augment": "auto", "backbone": HOSTILE},
        curves={},
        augmented=(),
        counts={HOSTILE: {"train": 1, "val": 1, "test": 1}, "b": {"train": 1, "val": 1, "test": 1}},
        refused=[ImageRecord("refused", HOSTILE, HOSTILE, reason=HOSTILE)],
    )
    page = page_on(
        replace(manifest, name=HOSTILE),
        predictions,
        labels=(HOSTILE, "b"),
        command=HOSTILE,
        packages={HOSTILE: HOSTILE},
        findings=[HOSTILE],
        training=training,
    )
    assert HOSTILE not in page
    shown = elements(page)
    assert shown.tags.count("img") == 1, "the thumbnail"
    assert "script" not in shown.tags
    assert shown.text.count(HOSTILE) >= 14


def test_many_classes_and_mistakes_are_cut_and_counted(manifest: Manifest) -> None:
    labels = tuple(f"class {number}" for number in range(131))
    predictions = [
        LabelledPrediction(f"{a}-{n}.jpg", labels[a], labels[(a + n) % 131], 0.5, "")
        for a in range(131)
        for n in range(4)
    ]
    page = page_on(manifest, predictions, labels=labels)
    assert page.count('<div class="card">') == MAX_MISTAKES
    assert f"Show the other {131 - MAX_CLASSES} classes" in page
    assert "381 more pairs are confused" in page
    assert page.count('title="class ') == 131 * 4, "every cell can be read"
    assert len(page) < 1_000_000


def test_an_image_that_is_gone_is_left_out(manifest: Manifest) -> None:
    def gone(prediction: LabelledPrediction) -> np.ndarray:
        raise ImageRefused(prediction.path, "gone")

    predictions = [LabelledPrediction("x.jpg", "a", "b", 0.9, "")]
    page = render(
        replace(manifest, labels=("a", "b")),
        predictions,
        gone,
        command="",
        packages={},
        findings=[],
        tested_on="x",
    ).decode()
    assert "x.jpg" in page
    assert "<img" not in page


def test_a_model_without_mistakes_is_reported(manifest: Manifest) -> None:
    assert "All test images are classified correctly" in page_on(
        manifest, [LabelledPrediction("x.jpg", "a", "a", 0.9, "")]
    )


@pytest.fixture
def browse(tmp_path: Path):
    """Opens a page in headless Chromium; returns its text, its complaints, and a screenshot."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((path for path in map(shutil.which, names) if path), None)
    if program is None:
        pytest.skip("no Chromium here")
    quiet = (
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
    )
    common = [
        program,
        "--headless",
        "--no-sandbox",
        *quiet,
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]

    def browse(content: bytes | str, *, dark: bool = False) -> tuple[str, list[str], np.ndarray]:
        path, shot = tmp_path / "page.html", tmp_path / "page.png"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        options = (scheme, "--enable-logging=stderr", "--hide-scrollbars", "--window-size=800,1200")
        done = subprocess.run(
            [*common, *options, "--dump-dom", path.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        subprocess.run(
            [*common, *options, f"--screenshot={shot}", path.as_uri()],
            capture_output=True,
            timeout=120,
            check=True,
        )
        complaints = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        return done.stdout, complaints, np.asarray(Image.open(shot).convert("RGB"))

    return browse


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_it_in_light_and_dark(page: str, browse, dark: bool) -> None:
    shown, complaints, pixels = browse(page, dark=dark)
    assert complaints == []
    assert shown.count("<img") == page.count("<img")
    assert "balanced accuracy" in shown
    assert tuple(pixels[5, 5]) == ((0x15, 0x18, 0x1B) if dark else (255, 255, 255)), (
        "the style is in force"
    )
    mark = (0x7D, 0xB4, 0xF0) if dark else (0x25, 0x63, 0xA8)
    assert (pixels == mark).all(2).sum() > 100, "the training curve is drawn"


def test_a_browser_runs_nothing_that_a_name_smuggles_in(manifest: Manifest, browse) -> None:
    predictions = [LabelledPrediction(HOSTILE, HOSTILE, "b", 0.9, "")]
    page = page_on(replace(manifest, name=HOSTILE), predictions, labels=(HOSTILE, "b"))
    shown, complaints, _ = browse(page)
    assert complaints == []
    assert shown.count("<img") == 1
    smuggled = page.replace(
        "</h1>",
        "<script>console.log('run')</script><img src='https://example.invalid/x.png'></h1>",
        1,
    )
    _, complaints, _ = browse(smuggled)
    assert len(complaints) == 2, "the policy stops a script and an image from elsewhere"
    assert all("Content Security Policy" in line for line in complaints)
