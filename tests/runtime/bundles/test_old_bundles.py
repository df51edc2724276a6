"""Tests that a bundle of manifest schema 1 still opens, verifies and installs.

That schema called an image a picture. `tests/data/bundle_schema_1` was written by its last
version, from drawn circles and squares.
"""

import json
import shutil
from pathlib import Path

import pytest

OLD = Path(__file__).parents[2] / "data" / "bundle_schema_1"
MODEL = "model.int8.tflite"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def test_the_old_bundle_says_picture() -> None:
    """Without this the tests below would prove nothing."""
    assert json.loads((OLD / "manifest.json").read_text())["schema"] == 1
    assert '"pictures"' in (OLD / "parity.json").read_text()
    assert b'"pictures"' in (OLD / MODEL).read_bytes()


@pytest.mark.parametrize("source", ["", MODEL], ids=["bundle", "model file alone"])
def test_it_names_an_image(old: Path, run_cli, source: str) -> None:
    done = run_cli("runtime", "predict", old / source, old / "golden" / "00-circle.png", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["predictions"][0]["label"] == "circle"


def test_it_verifies_and_tells_its_figures(old: Path, run_cli) -> None:
    done = run_cli("runtime", "verify", old)
    assert (done.returncode, done.stderr) == (0, "")
    assert "as exported" in done.stdout
    assert "on 24 images" in run_cli("runtime", "info", old).stdout


def test_it_installs(old: Path, run_cli, tmp_path: Path) -> None:
    done = run_cli("runtime", "install", old, tmp_path / "device")
    assert done.returncode == 0, done.stderr
    assert run_cli("runtime", "verify", tmp_path / "device").returncode == 0
