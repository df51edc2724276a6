"""Two workers on loopback, as a user starts them: their result, their output and their end."""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("jax", reason="training on several machines needs the extra 'distribute'")

SMALL = (
    "--backbone",
    "simple-cnn",
    "--input-size",
    "48",
    "--views",
    "1",
    "--augment",
    "0",
    "--batch",
    "16",
    "--patience",
    "9999",
)
Start = Callable[..., list[subprocess.Popen[str]]]


@pytest.fixture
def start(start_train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts both workers, each with its own output folder; they share the cache."""
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    # Here compiling takes longer than training.
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

    def begin(data: Path, *words: str, second: tuple[str, ...] = ()) -> list[subprocess.Popen[str]]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
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
    counts = [int(count) for count in re.findall(r"features, view 1: (\d+)/", err)]
    train = int(re.search(r"(\d+) train", err)[1])  # type: ignore[index]
    assert counts == [train // 2], "each computes the features of its own half"

    evaluated = run_cli("train", "evaluate", tmp_path / "1" / "run", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads(evaluated.stdout)["scorecard"]["accuracy"] == pytest.approx(
        result["test_accuracy"]
    ), "on TensorFlow too"


@pytest.mark.parametrize("victim", [0, 1])
def test_worker_that_is_killed_ends_the_other_soon_and_both_resume(
    start: Start, cells: Path, tmp_path: Path, victim: int
) -> None:
    checkpoint = tmp_path / "1" / "run.partial" / "checkpoint.npz"
    workers = start(cells, "--head-epochs", "9999")
    _wait_for(checkpoint, workers)
    workers[victim].kill()
    begun = time.monotonic()
    code, out, err = _results(workers)[1 - victim]
    assert time.monotonic() - begun < 60, "20 s of silence, and a busy machine"
    assert (code, out) == (4, ""), err
    assert "another worker ended or cannot be reached" in err.splitlines()[-1]
    assert "Traceback" not in err

    before = checkpoint.stat().st_mtime
    again = start(cells, "--head-epochs", "9999")
    for _ in range(1200):
        if checkpoint.stat().st_mtime > before:
            break
        time.sleep(0.1)
    again[0].send_signal(signal.SIGINT)
    (first, _, err), (second, _, _) = _results(again)
    assert (first, second) == (130, 4)
    assert "continues an unfinished training" in err


def test_a_pretrained_network_is_fine_tuned_with_a_running_average(
    start: Start, cells: Path, tmp_path: Path, run_cli
) -> None:
    """Average and weights must be separate arrays, as JAX frees those of a step in the next."""
    words = (
        "--backbone",
        "efficientnet-lite0",
        "--thaw",
        "1",
        "--head-epochs",
        "1",
        "--epochs",
        "2",
        "--json",
    )
    (first, out, err), _ = _results(start(cells, *words))
    assert first == 0, err
    evaluated = run_cli("train", "evaluate", tmp_path / "1" / "run", "--json")
    assert json.loads(evaluated.stdout)["scorecard"]["accuracy"] == pytest.approx(
        json.loads(out)["test_accuracy"]
    )


def test_worker_with_other_options_is_refused_by_name(start: Start, cells: Path) -> None:
    (first, _, _), (second, _, err) = _results(
        start(cells, "--head-epochs", "1", second=("--seed", "8"))
    )
    assert second == 2
    assert "found here --seed 8 instead of 7" in err.splitlines()[-1]
    assert first == 4


def _wait_for(path: Path, workers: list[subprocess.Popen[str]]) -> None:
    for _ in range(2400):
        if path.exists():
            return
        assert all(worker.poll() is None for worker in workers), _results(workers)
        time.sleep(0.1)
    raise AssertionError(f"no {path.name} after four minutes")
