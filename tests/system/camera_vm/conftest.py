"""Boots the virtual machine once: all scenarios run in it, and each test checks one result."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

FOLDER = Path(__file__).parent
ROOT = Path(__file__).parents[3]
SOLID = {"black": (0, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}
BARS = (
    (255, 255, 255),
    (255, 255, 0),
    (0, 255, 255),
    (0, 255, 0),
    (255, 0, 255),
    (255, 0, 0),
    (0, 0, 255),
    (0, 0, 0),
)
"""The colours of vivid's "100% Colorbar" from the left."""
IMAGES_PER_CLASS = 60
BOOT_TIMEOUT_S = 900


@pytest.fixture(scope="session")
def computer() -> ModuleType:
    """Loads machine.py; skips the tests with the packages to install if it cannot run."""
    spec = importlib.util.spec_from_file_location("camera_machine", FOLDER / "machine.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    missing = module.missing_packages()
    if missing:
        pytest.skip(f"a virtual machine with a camera needs apt-get install {' '.join(missing)}")
    return module


@pytest.fixture(scope="session")
def bars() -> np.ndarray:
    return np.array(BARS)


@pytest.fixture(scope="session")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draws images in known colours, one folder per class; the camera is not involved.

    So a wrong order of red and blue gives a wrong label.
    """
    folder, random = tmp_path_factory.mktemp("patterns"), np.random.default_rng(7)
    bars = np.repeat(np.array(BARS, float), 12, axis=0)[None].repeat(72, axis=0)
    solid = {
        label: np.broadcast_to(np.array(colour, float), bars.shape)
        for label, colour in SOLID.items()
    }
    for label, clean in {"bars": bars, **solid}.items():
        (folder / label).mkdir()
        for number in range(IMAGES_PER_CLASS):
            shifted = np.roll(clean, random.integers(-8, 9), axis=1)
            dimmed = shifted * random.uniform(0.7, 1) + random.uniform(0, 40)
            noisy = dimmed + random.normal(0, 8, clean.shape)
            image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
            image.save(folder / label / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def pattern_bundle(
    patterns: Path, run_cli, small_training, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Trains a small network on `patterns` and exports an int8 .tflite."""
    folder = tmp_path_factory.mktemp("pattern-run")
    done = run_cli("train", patterns, "-o", folder / "run", *small_training)
    assert done.returncode == 0, done.stderr
    done = run_cli("export", "tflite", folder / "run", "-o", folder / "bundle")
    assert done.returncode == 0, done.stderr
    return folder / "bundle"


@pytest.fixture(scope="session")
def share(
    computer: ModuleType, pattern_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Boots the machine; returns the folder with its results and its console."""
    folder = tmp_path_factory.mktemp("share")
    shutil.copytree(pattern_bundle, folder / "bundle")
    for source, name in ((ROOT / "runtime", "runtime"), (FOLDER / "inside", "inside")):
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "results").mkdir()
    seconds = computer.boot(computer.machine(), folder, BOOT_TIMEOUT_S)
    print(f"the machine ran for {seconds:.0f} s")
    return folder


@pytest.fixture(scope="session")
def result(share: Path) -> Callable[[str], dict]:
    """Returns the result of a scenario; fails with its traceback if it raised an error."""

    def read(name: str) -> dict:
        file = share / "results" / f"{name}.json"
        assert file.exists(), (
            f"{name} did not end. The console: "
            + (share / "console").read_text(errors="replace")[-4000:]
        )
        record = json.loads(file.read_text())
        assert "result" in record, record["error"]
        return record["result"]

    return read
