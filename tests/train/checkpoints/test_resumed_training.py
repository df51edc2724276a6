"""Tests that a killed, interrupted or disturbed training continues to the same weights."""

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

LONG = ("--backbone", "simple-cnn", "--input-size", "32", "--head-epochs", "9999")
LONG += ("--patience", "9999", "--variants", "1", "--augment", "0")
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(start_train: Start, tmp_path: Path) -> Start:
    """Starts `python -m train ...` with a cache of this test's own."""
    return lambda *words: start_train(*words, "--cache", tmp_path / "cache")


def _weights(run: Path) -> str:
    with ZipFile(run / "model.keras") as archive:
        return sha256(archive.read("model.weights.h5")).hexdigest()


def test_same_seed_gives_the_same_bits_and_nothing_is_left_beside_the_run(
    cells: Path, small_training: tuple[str, ...], run_cli, tmp_path: Path
) -> None:
    """With as many threads as TensorFlow takes by itself, which tests/conftest.py may limit."""
    threads = {"TF_NUM_INTRAOP_THREADS": "0", "TF_NUM_INTEROP_THREADS": "0"}
    few = ("--head-epochs", "2", "--epochs", "2")  # each variant twice
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        places = ("-o", folder / "run", "--cache", folder / "cache")
        done = run_cli("train", cells, *places, *small_training, *few, env=threads)
        assert done.returncode == 0, done.stderr
        assert {path.name for path in folder.iterdir()} == {"run", "cache"}
    assert _weights(tmp_path / "one" / "run") == _weights(tmp_path / "two" / "run")


def test_killed_at_random_moments_it_goes_on_to_the_bits_of_a_run_that_never_was(
    start: Start,
    wait_for,
    trained: Path,
    cells: Path,
    small_training: tuple[str, ...],
    tmp_path: Path,
) -> None:
    moments = random.Random(7)
    lines = (
        "2 classes",
        "validation features",
        "features, variant 1",
        "features, variant 2",
        "train all",
    )
    for number in range(len(lines)):  # TensorFlow's import, both variants, their epochs, the end
        process = start(cells, "-o", tmp_path / "run", *small_training, "--resume")
        wait_for(lines[number:], process)  # or a later one, if the last kill was late
        time.sleep(moments.uniform(0, 0.5))
        process.kill()
        process.communicate()
    process = start(cells, "-o", tmp_path / "run", *small_training, "--resume")
    assert process.communicate()[1]
    assert process.returncode == 0
    assert _weights(tmp_path / "run") == _weights(trained)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "cache"}


def test_interrupted_it_says_how_to_go_on_and_does(
    start: Start, wait_for, wait_for_checkpoint, cells: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = start(cells, "-o", run, *LONG)
    wait_for_checkpoint(run)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (
        err.splitlines()[-1]
        == "python -m train: interrupted; the same command continues from the last whole epoch"
    )
    assert not run.exists()

    refused = start(cells, "-o", run, *LONG, "--resume", "--batch", "16")
    _, err = refused.communicate(timeout=100)
    assert refused.returncode == 2
    assert "--batch 16 instead of 32" in err.splitlines()[-1]

    again = start(cells, "-o", run, *LONG, "--resume")
    wait_for(f"{run}.partial: continues an unfinished training, after all epoch ", again)
    wait_for("train all", again)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_ends_it_at_once(
    start: Start, wait_for_checkpoint, cells: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(cells, "-o", tmp_path / "run", *LONG)
    wait_for_checkpoint(tmp_path / "run")
    process.send_signal(number)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert "Traceback" not in err


def test_image_that_vanishes_meanwhile_is_named_and_the_checkpoint_is_whole(
    start: Start, wait_for, wait_for_checkpoint, cells: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(cells, tmp_path / "data"))
    victim = sorted((data / "mono").iterdir())[3]
    process = start(data, "-o", tmp_path / "run", *LONG)
    wait_for_checkpoint(tmp_path / "run")
    content = victim.read_bytes()
    victim.unlink()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.splitlines()[-1].startswith(
        f"python -m train: {victim}: vanished since the training began"
    )
    assert not (tmp_path / "run").exists()

    victim.write_bytes(content)
    again = start(data, "-o", tmp_path / "run", *LONG)
    wait_for(f"{tmp_path}/run.partial: continues", again)
