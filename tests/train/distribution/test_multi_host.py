"""Two workers on loopback, as a user starts them: their result, their output and their end."""

import csv
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SMALL = ("--backbone", "simple-cnn", "--input-size", "48", "--variants", "1", "--augment", "0")
SMALL += ("--batch", "16", "--patience", "9999")
Start = Callable[..., list[subprocess.Popen[str]]]


@pytest.fixture
def start(start_train, free_address: Callable[[], str], tmp_path: Path) -> Start:
    """Starts both workers, each with its own output folder; they share the cache."""

    def begin(data: Path, *words: str, second: tuple[str, ...] = ()) -> list[subprocess.Popen[str]]:
        address = free_address()
        workers = []
        for number in (1, 2):
            own = (
                "-o",
                tmp_path / str(number) / "run",
                "--cache",
                tmp_path / "cache",
                "--distribute",
                address,
                "--worker",
                f"{number}/2",
            )
            workers.append(
                start_train(data, *SMALL, *words, *own, *(second if number == 2 else ()))
            )
        return workers

    return begin


def _results(workers: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    outputs = [worker.communicate(timeout=280) for worker in workers]
    return [(worker.returncode, *output) for worker, output in zip(workers, outputs, strict=True)]


def test_two_workers_reach_the_accuracy_of_one_and_the_first_writes_it(
    start: Start, cells: Path, tmp_path: Path, run_cli
) -> None:
    (first, out, err), second = _results(
        start(cells, "--head-epochs", "8", "--epochs", "8", "--head-rate", "2e-3", "--json")
    )
    assert first == 0, err
    assert second == (
        0,
        "",
        "python -m train: worker 2 of 2: at work; the first worker shows the progress\n",
    )
    assert not (tmp_path / "2").exists()
    assert {path.name for path in (tmp_path / "1").iterdir()} == {"run"}
    result = json.loads(out)
    assert result["test_accuracy"] >= 0.9, "what one worker reaches on these images"
    counts = [int(count) for count in re.findall(r"features, variant 1: (\d+)/", err)]
    train = int(re.search(r"(\d+) train", err)[1])  # type: ignore[index]
    assert counts == [-(-train // 2)], "each computes the features of its own half"

    evaluated = run_cli("train", "evaluate", tmp_path / "1" / "run", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads(evaluated.stdout)["scorecard"]["accuracy"] == pytest.approx(
        result["test_accuracy"]
    )


@pytest.mark.parametrize("victim", [0, 1])
def test_worker_that_is_killed_ends_the_other_soon_and_both_resume(
    start: Start, cells: Path, tmp_path: Path, victim: int
) -> None:
    checkpoint = tmp_path / "1" / "run.partial" / "checkpoint.npz"
    workers = start(cells, "--head-epochs", "9999")
    _wait_until(checkpoint.exists, workers)
    workers[victim].kill()
    begun = time.monotonic()
    code, out, err = _results(workers)[1 - victim]
    assert time.monotonic() - begun < 60, "the others notice at once, on a busy machine too"
    assert (code, out) == (4, ""), err
    assert "another worker ended or cannot be reached" in err.splitlines()[-1]
    assert "Traceback" not in err

    before = checkpoint.stat().st_mtime
    again = start(cells, "--head-epochs", "9999")
    _wait_until(lambda: checkpoint.stat().st_mtime > before, again)
    again[0].send_signal(signal.SIGINT)
    (first, _, err), (second, _, second_err) = _results(again)
    assert (first, second) == (130, 4), (err, second_err)
    assert "continues an unfinished training" in err


def test_two_workers_learn_as_one_does(start: Start, cells: Path, tmp_path: Path, run_cli) -> None:
    """The head is solved, and the last block is fine-tuned with a running average."""
    words = (
        *("--backbone", "efficientnet-lite0", "--thaw", "1", "--dropout", "0"),
        *("--head-epochs", "1", "--epochs", "2"),
    )
    (first, _, err), _ = _results(start(cells, *words))
    assert first == 0, err
    alone = run_cli(
        *("train", cells, *SMALL, *words),
        *("-o", tmp_path / "alone" / "run", "--cache", tmp_path / "other-cache"),
    )
    assert alone.returncode == 0, alone.stderr
    one, two = (_history(tmp_path / name / "run") for name in ("alone", "1"))
    assert [stage for stage, *_ in one] == ["head", "fine-tune", "fine-tune"]
    for (_, *expected), (_, *measured) in zip(one, two, strict=True):
        assert measured == pytest.approx(expected, rel=0.02, abs=0.01)
    assert one[-1][1] < one[1][1], "there was something to learn"


def _history(run: Path) -> list[tuple[str, float, float]]:
    """Returns stage, loss and validation loss of each epoch."""
    rows = csv.DictReader((run / "history.csv").read_text().splitlines())
    return [(row["stage"], float(row["loss"]), float(row["val_loss"])) for row in rows]


def test_worker_with_other_options_is_refused_by_name(start: Start, cells: Path) -> None:
    (first, _, _), (second, _, err) = _results(
        start(cells, "--head-epochs", "1", second=("--seed", "8"))
    )
    assert second == 2
    assert "found here --seed 8 instead of 7" in err.splitlines()[-1]
    assert first == 4


def _wait_until(reached: Callable[[], bool], workers: list[subprocess.Popen[str]]) -> None:
    for _ in range(2400):
        if reached():
            return
        assert all(worker.poll() is None for worker in workers), _results(workers)
        time.sleep(0.1)
    raise AssertionError("nothing new after four minutes")
