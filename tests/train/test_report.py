"""report.html tells what was measured, needs no other file, and shows hostile names as text, in a browser too (FAULTS T10, T14, W8)."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.quiet import prepare_tensorflow

prepare_tensorflow()

from runtime.bundle import Bundle
from runtime.errors import PictureRefused
from runtime.manifest import Manifest
from runtime.run_folder import Picture
from train.judged import Judged, read_judged
from train.report import MOST_CLASSES, MOST_MISTAKES, Training, render
from train.scorecard import score

HOSTILE = "<img src=x onerror=alert(1)>"
PIXELS = np.full((64, 64, 3), 127, np.uint8)


@pytest.fixture(scope="module")
def page(trained: Path) -> str:
    return (trained / "report.html").read_text()


@pytest.fixture(scope="module")
def manifest(trained: Path) -> Manifest:
    return Bundle.open(trained).manifest


def page_on(manifest: Manifest, judged: Sequence[Judged], *, labels: tuple[str, ...] = ("a", "b"), **given: object) -> str:
    options: dict[str, object] = {"command": "", "packages": {}, "health": [], "tested_on": "some pictures"} | given
    return render(replace(manifest, labels=labels), judged, lambda one: PIXELS, **options).decode()  # type: ignore[arg-type]


def test_needs_no_other_file_and_no_script(page: str) -> None:
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert not re.findall(r"url\(|@import|<script", page)
    assert "default-src 'none'" in page


def test_tells_what_was_measured(page: str, manifest: Manifest, trained: Path, elements) -> None:
    text = elements(page).text
    results = manifest.provenance["results"]
    for figure in ("test_accuracy", "test_accuracy_low", "test_accuracy_high", "balanced_accuracy", "val_accuracy"):
        assert f"{100 * results[figure]:.1f} %" in text, figure
    card = score(manifest.labels, read_judged(trained / "test_predictions.csv"))
    assert card.accuracy == results["test_accuracy"]
    for one in card.classes:
        assert one.label in text
        assert f"{one.f1:.3f}" in text
    assert "python -m train cells -o cells --backbone simple-cnn" in text
    assert "Seed 7" in text
    assert "keras 3." in text
    assert results["kept"] in text


def test_shows_the_wrong_pictures_and_the_augmented_ones(page: str, trained: Path) -> None:
    wrong = [one for one in read_judged(trained / "test_predictions.csv") if not one.right]
    assert page.count('<div class="card">') == min(len(wrong), MOST_MISTAKES)
    assert all(one.path in page for one in wrong[:MOST_MISTAKES])
    assert page.count('alt="a view"') == 2 * 7
    assert page.count("data:image/jpeg") == 2 * 8 + min(len(wrong), MOST_MISTAKES)


def test_files_beside_it_are_whole(trained: Path) -> None:
    image = Image.open(trained / "confusion.png")
    image.load()
    assert min(image.size) > 300


def test_rare_classes_do_not_hide(manifest: Manifest, elements) -> None:
    judged = [Judged(f"{n}.jpg", "a", "a", 0.9, "") for n in range(98)] + [Judged(f"b{n}.jpg", "b", "a", 0.9, "") for n in range(2)]
    text = elements(page_on(manifest, judged)).text
    assert "50.0 %balanced accuracy" in text
    assert "98.0 %without looking" in text
    assert "0.000worst F1of ‘b’" in re.sub(r"\n\s*", "", text)


def test_names_are_text(manifest: Manifest, elements) -> None:
    judged = [Judged(HOSTILE, HOSTILE, "b", 0.9, "")]
    training = Training(
        results={"seconds": 1.0, "kept": HOSTILE, "val_accuracy": 0.5},
        options={"seed": 1, "backbone": HOSTILE},
        curves=(),
        augmented=(),
        counts={HOSTILE: {"train": 1, "val": 1, "test": 1}, "b": {"train": 1, "val": 1, "test": 1}},
        refused=[Picture("refused", HOSTILE, HOSTILE, reason=HOSTILE)],
    )
    page = page_on(
        replace(manifest, name=HOSTILE),
        judged,
        labels=(HOSTILE, "b"),
        command=HOSTILE,
        packages={HOSTILE: HOSTILE},
        health=[HOSTILE],
        training=training,
    )
    assert HOSTILE not in page
    found = elements(page)
    assert found.tags.count("img") == 1, "the thumbnail"
    assert "script" not in found.tags
    assert found.text.count(HOSTILE) >= 14


def test_many_classes_and_mistakes_are_cut_and_said(manifest: Manifest) -> None:
    labels = tuple(f"class {number}" for number in range(131))
    judged = [Judged(f"{a}-{n}.jpg", labels[a], labels[(a + n) % 131], 0.5, "") for a in range(131) for n in range(4)]
    page = page_on(manifest, judged, labels=labels)
    assert page.count('<div class="card">') == MOST_MISTAKES
    assert f"The other {131 - MOST_CLASSES} classes" in page
    assert "381 more pairs are confused" in page
    assert page.count("<title>") == 131 * 4 + 1, "every square can be pointed at"
    assert len(page) < 1_000_000


def test_a_picture_that_is_gone_is_left_out(manifest: Manifest) -> None:
    def gone(one: Judged) -> np.ndarray:
        raise PictureRefused(one.path, "gone")

    judged = [Judged("x.jpg", "a", "b", 0.9, "")]
    page = render(replace(manifest, labels=("a", "b")), judged, gone, command="", packages={}, health=[], tested_on="x").decode()
    assert "x.jpg" in page
    assert "<img" not in page


def test_no_mistakes_are_said(manifest: Manifest) -> None:
    assert "No test picture was called wrongly" in page_on(manifest, [Judged("x.jpg", "a", "a", 0.9, "")])


@pytest.fixture
def browse(tmp_path: Path):
    """Opens a page in headless Chromium; returns what it shows, what it complained of, and a screenshot's pixels."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here")
    quiet = ("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update")
    common = [program, "--headless", "--no-sandbox", *quiet, "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]

    def browse(content: bytes | str, *, dark: bool = False) -> tuple[str, list[str], np.ndarray]:
        path, shot = tmp_path / "page.html", tmp_path / "page.png"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        options = (scheme, "--enable-logging=stderr", "--hide-scrollbars", "--window-size=800,1200")
        done = subprocess.run([*common, *options, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        subprocess.run([*common, *options, f"--screenshot={shot}", path.as_uri()], capture_output=True, timeout=120, check=True)
        complaints = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        return done.stdout, complaints, np.asarray(Image.open(shot).convert("RGB"))

    return browse


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_it_in_light_and_dark(page: str, browse, dark: bool) -> None:
    shown, complaints, pixels = browse(page, dark=dark)
    assert complaints == []
    assert shown.count("<img") == page.count("<img")
    assert "balanced accuracy" in shown
    assert tuple(pixels[5, 5]) == ((0x15, 0x18, 0x1B) if dark else (255, 255, 255)), "the style is in force"
    mark = (0x7D, 0xB4, 0xF0) if dark else (0x25, 0x63, 0xA8)
    assert (pixels == mark).all(2).sum() > 100, "the training curve is drawn"


def test_a_browser_runs_nothing_that_a_name_smuggles_in(manifest: Manifest, browse) -> None:
    judged = [Judged(HOSTILE, HOSTILE, "b", 0.9, "")]
    page = page_on(replace(manifest, name=HOSTILE), judged, labels=(HOSTILE, "b"))
    shown, complaints, _ = browse(page)
    assert complaints == []
    assert shown.count("<img") == 1
    smuggled = page.replace("</h1>", "<script>console.log('run')</script><img src='https://example.invalid/x.png'></h1>", 1)
    _, complaints, _ = browse(smuggled)
    assert len(complaints) == 2, "the policy stops a script and a picture from elsewhere"
    assert all("Content Security Policy" in line for line in complaints)
