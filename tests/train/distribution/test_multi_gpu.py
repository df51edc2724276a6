"""Training on several devices of one machine, here two halves of the processor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("train_on_two_devices.py")


@pytest.fixture(scope="module")
def results(
    cells: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, list[float]]]:
    """The same training on one device and on two."""
    folder = tmp_path_factory.mktemp("cards")
    done = subprocess.run(
        [sys.executable, SCRIPT, cells, folder],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests/plugins'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_two_devices_learn_what_one_does(results) -> None:
    """Both see the same images in each step; only the order of additions differs."""
    alone, cards = results["alone"], results["cards"]
    assert len(alone["losses"]) == 5
    assert cards["losses"] == pytest.approx(alone["losses"], rel=0.05, abs=0.01)
    assert cards["train"] == pytest.approx(alone["train"], rel=0.05, abs=0.01)
    assert alone["losses"][-1] < alone["losses"][0] / 2, "there was something to learn"
    assert cards["scores"] == pytest.approx(alone["scores"], abs=0.1), "one answer per image"


def test_features_computed_on_two_devices_are_those_of_one(results) -> None:
    alone, cards = results["alone"], results["cards"]
    assert cards["counts"] == alone["counts"]
    for expected, feature in zip(alone["features"], cards["features"], strict=True):
        assert feature == pytest.approx(expected, rel=1e-2, abs=1e-3)


def test_without_cards_it_says_so_and_trains(
    run_cli, cells: Path, small_training: tuple[str, ...], trained: Path
) -> None:
    """`trained` was made by the same command without the option, so its run is reused."""
    done = run_cli("train", cells, "-o", trained, *small_training, "--distribute")
    assert done.returncode == 0, done.stderr
    assert (
        "--distribute: TensorFlow finds no graphics card here, so this trains as without it"
        in done.stderr
    )
    assert "already there, made by this command" in done.stdout
