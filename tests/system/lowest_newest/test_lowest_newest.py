"""Tests Quince with the lowest and the newest version that each range of pyproject.toml allows.

`make lowest-newest` runs it; it installs two environments of the device and two of the workstation.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]
BUNDLE = ROOT / "tests" / "data" / "bundle_schema_1"
TINY = ROOT / "runtime" / "commands" / "doctor"
DEVICE = ("pi", "onnx", "video", "camera")
WORKSTATION = ("all", "onnx")
TESTS = (
    "tests/test_end_to_end.py",
    *(f"tests/runtime/{name}" for name in ("bundles", "images", "models", "monitor", "sources")),
    *(f"tests/train/{name}" for name in ("tuning", "report", "data/test_near_duplicates.py")),
    "tests/export/formats/onnx",
)
LEAVES = (
    "runtime.monitor.live_page.server",
    "runtime.monitor.sinks.mqtt",
    "runtime.sources.clip",
    "runtime.sources.v4l2",
)
NEEDS_MEDIAPIPE = "tests/runtime/models/test_external_model_metadata.py"
ENDS = pytest.mark.parametrize("end", ["lowest-direct", "highest"])
Install = Callable[[str, tuple[str, ...]], Path]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Makes an environment with the dependencies of some extras; returns its Python."""

    def uv(*words: str | Path) -> None:
        subprocess.run([sys.executable, "-m", "uv", *words, "--quiet"], cwd=ROOT, check=True)

    def make(end: str, extras: tuple[str, ...]) -> Path:
        python = tmp_path / "venv" / "bin" / "python"
        uv("venv", "--python", sys.executable, tmp_path / "venv")
        words = [word for extra in extras for word in ("--extra", extra)]
        to = ("pip", "install", "--python", python)
        uv(*to, "--resolution", end, "-r", "pyproject.toml", *words)
        uv(*to, "pytest")
        return python

    return make


def run(python: Path, *words: str | Path) -> str:
    done = subprocess.run(
        [python, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    return done.stdout


@ENDS
def test_device(install: Install, end: str, tmp_path: Path) -> None:
    python = install(end, DEVICE)
    assert run(python, "-m", "runtime", "verify", BUNDLE).count("as exported") == 1
    image = BUNDLE / "golden" / "00-circle.png"
    printed = run(python, "-m", "runtime", "predict", BUNDLE, image, "--json")
    assert json.loads(printed)["predictions"][0]["label"] == "circle"
    assert "can run here" in run(
        python, "-m", "runtime", "doctor"
    )  # both interpreters, tiny models
    clip = tmp_path / "clip.gif"
    frame = Image.open(image)
    frame.save(clip, save_all=True, append_images=[frame] * 9, duration=100)
    followed = run(python, "-m", "runtime", "camera", BUNDLE, "--source", clip, "--json")
    assert json.loads(followed.splitlines()[0])["predicted"] == "circle"
    run(python, "-c", f"import {', '.join(LEAVES)}")


@ENDS
def test_workstation(install: Install, end: str) -> None:
    python = install(end, WORKSTATION)
    run(
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *TESTS,
        f"--ignore={NEEDS_MEDIAPIPE}",
    )
