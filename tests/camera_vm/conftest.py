"""The virtual machine, booted once: every scenario runs in it, and each test judges what its own found."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOLID = {"black": (0, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}
BARS = ((255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0))
"""What `vivid` shows as "100% Colorbar", from the left: white, yellow, cyan, green, magenta, red, blue, black."""
PICTURES = 60
BOOT_S = 900


@pytest.fixture(scope="session")
def computer() -> ModuleType:
    """machine.py; the tests are skipped, saying what to install, where it cannot run."""
    spec = importlib.util.spec_from_file_location("camera_machine", HERE / "machine.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    if missing := module.missing_packages():
        pytest.skip(f"apt-get install {' '.join(missing)}: a virtual machine with a camera needs them")
    return module


@pytest.fixture(scope="session")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per class of pictures in known colours, made here and not by the camera: the label tells red from blue."""
    folder, random = tmp_path_factory.mktemp("patterns"), np.random.default_rng(7)
    bars = np.repeat(np.array(BARS, float), 12, axis=0)[None].repeat(72, axis=0)
    plain = {label: np.broadcast_to(np.array(colour, float), bars.shape) for label, colour in SOLID.items()}
    for label, clean in {"bars": bars, **plain}.items():
        (folder / label).mkdir()
        for number in range(PICTURES):
            shifted = np.roll(clean, random.integers(-8, 9), axis=1) * random.uniform(0.7, 1) + random.uniform(0, 40)
            noisy = shifted + random.normal(0, 8, clean.shape)
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / label / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def pattern_bundle(patterns: Path, run_cli, small_training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network really trained on `patterns`, as an int8 .tflite."""
    folder = tmp_path_factory.mktemp("pattern-run")
    done = run_cli("train", patterns, "-o", folder / "run", *small_training)
    assert done.returncode == 0, done.stderr
    done = run_cli("export", "tflite", folder / "run", "-o", folder / "bundle")
    assert done.returncode == 0, done.stderr
    return folder / "bundle"


@pytest.fixture(scope="session")
def share(computer: ModuleType, pattern_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the machine left behind: results, and all it printed. Booted here."""
    folder = tmp_path_factory.mktemp("share")
    shutil.copytree(pattern_bundle, folder / "bundle")
    for source, name in ((ROOT / "runtime", "runtime"), (HERE / "inside", "inside")):
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "results").mkdir()
    seconds = computer.boot(computer.machine(), folder, BOOT_S)
    print(f"the machine ran for {seconds:.0f} s")
    return folder


@pytest.fixture(scope="session")
def found(share: Path) -> Callable[[str], dict]:
    """What a scenario found; where it broke, its traceback is the failure."""

    def read(name: str) -> dict:
        file = share / "results" / f"{name}.json"
        assert file.exists(), f"{name} did not end. The console: " + (share / "console").read_text(errors="replace")[-4000:]
        told = json.loads(file.read_text())
        assert "found" in told, told["error"]
        return told["found"]

    return read
