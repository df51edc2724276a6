"""`train choose` as a user runs it: measured here, with a table from a board, and its refusals."""

import json
import shlex
import signal
import statistics
from pathlib import Path

import numpy as np
import pytest

from runtime.classifier import Classifier

QUICK = ("--backbones", "efficientnet-lite0,efficientnet-lite1", "--input-sizes", "32,64")
TIMEOUT_S = 600
"""Against a hang: how long a process takes depends on what else the machine does."""


@pytest.fixture(scope="module")
def measured(
    few_cells: Path, cache: Path, run_cli, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict]:
    """One candidate that was exported and measured here. Not to be changed."""
    folder = tmp_path_factory.mktemp("chosen") / "out"
    words = ("--backbones", "efficientnet-lite0", "--input-sizes", "32", "--cache", cache)
    done = run_cli("train", "choose", few_cells, "-o", folder, *words, "--json")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.fixture
def table(measured: tuple[Path, dict], tmp_path: Path):
    """Writes the result of `bench latency` with other model files, in ms and bytes."""
    report = json.loads((measured[0] / "latency.json").read_text())

    def write(**files: tuple[float, int]) -> Path:
        row = report["measurements"][0]
        rows = [
            row
            | {
                "artifact": f"efficientnet_{name}.tflite".replace("_", "-"),
                "size_bytes": size,
                "samples_ms": [ms] * 5,
            }
            for name, (ms, size) in files.items()
        ]
        path = tmp_path / "board.json"
        path.write_text(json.dumps(report | {"measurements": rows}))
        return path

    return write


@pytest.fixture
def choose(run_cli, few_cells: Path, cache: Path, tmp_path: Path):
    return lambda *more: run_cli(
        "train", "choose", few_cells, "-o", tmp_path / "out", *QUICK, "--cache", cache, *more
    )


def test_it_measures_the_file_that_it_exports_and_writes_it_for_a_board(
    measured: tuple[Path, dict],
) -> None:
    folder, result = measured
    file = folder / "models" / "efficientnet-lite0-32.tflite"
    names = {"choice.json", "choice.png", "latency.json", "models"}
    assert {path.name for path in folder.iterdir()} == names
    classifier = Classifier(file)
    assert classifier.scores(np.zeros((32, 32, 3), np.uint8)).shape == (2,)
    (row,) = result["rows"]
    rows = json.loads((folder / "latency.json").read_text())["measurements"]
    assert row["ms"] == min(statistics.median(measure["samples_ms"]) for measure in rows)
    assert row["mb"] == pytest.approx(file.stat().st_size / 1e6, abs=0.01)
    assert row["low"] <= row["val_accuracy"] <= row["high"] + 1e-9
    assert (row["chosen"], row["front"], row["fits"]) == (True, True, True)


def test_its_features_and_model_files_are_kept(
    measured: tuple[Path, dict], cache: Path, run_cli, few_cells: Path, tmp_path: Path
) -> None:
    def kept() -> dict[Path, int]:
        files = [*cache.glob("features/*/features.npy"), *cache.glob("candidates/*/*.tflite")]
        return {path: path.stat().st_ino for path in files}

    before = kept()
    assert before
    words = ("--backbones", "efficientnet-lite0", "--input-sizes", "32", "--cache", cache)
    done = run_cli("train", "choose", few_cells, "-o", tmp_path / "again", *words)
    assert done.returncode == 0, done.stderr
    assert kept() == before
    assert "features" not in done.stderr


def test_table_of_a_board_decides_and_nothing_is_measured(
    table, choose, few_cells: Path, cache: Path, tmp_path: Path
) -> None:
    path = table(lite0_32=(50.0, 4_000_000), lite0_64=(5.0, 4_000_000), lite1_32=(1.0, 9_000_000))
    done = choose("--latency", path, "--max-ms", "20", "--max-mb", "4", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["choice"] == "efficientnet-lite0-64"
    assert result["latency_from"] == "board.json"
    figures = {row["network"]: (row["ms"], row["mb"], row["fits"]) for row in result["rows"]}
    assert figures == {
        "efficientnet-lite1-32": (1.0, 9.0, False),
        "efficientnet-lite0-64": (5.0, 4.0, True),
        "efficientnet-lite0-32": (50.0, 4.0, False),
    }
    assert f"{path}: has no measurement of efficientnet-lite1-64" in done.stderr
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"choice.json", "choice.png"}
    words = ["python", "-m", "train", str(few_cells), "--input-size", "64", "--cache", str(cache)]
    assert shlex.split(result["train_command"]) == words


def test_where_nothing_fits_the_nearest_is_named(table, choose, tmp_path: Path) -> None:
    path = table(lite0_32=(50.0, 4_000_000), lite0_64=(30.0, 5_000_000))
    networks = ("--backbones", "efficientnet-lite0")
    done = choose("--latency", path, "--max-ms", "20", "--max-mb", "9", *networks)
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    assert "at most 20 ms and 9 MB, found none" in last
    assert "the nearest is efficientnet-lite0-64 with 30.0 ms and 5.00 MB" in last
    assert "choice:" not in done.stdout
    assert json.loads((tmp_path / "out" / "choice.json").read_text())["choice"] == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda report: [],
        lambda report: report | {"kind": "soak"},
        lambda report: report | {"measurements": {}},
        lambda report: report | {"measurements": [7]},
        lambda report: report | {"measurements": []},
        *(
            lambda report, field=field: (
                report | {"measurements": [report["measurements"][0] | field]}
            )
            for field in (
                {"artifact": 7},
                {"artifact": "model.int8.tflite"},
                {"size_bytes": -1},
                {"samples_ms": []},
                {"samples_ms": [1.0, -1.0]},
                {"samples_ms": [float("nan")]},
                {"samples_ms": ["1"]},
            )
        ),
    ],
)
def test_table_that_is_no_result_of_latency_is_refused(table, choose, change) -> None:
    path = table(lite0_32=(50.0, 4_000_000))
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    done = choose("--latency", path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"python -m train: {path}: ")


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff" * 99])
def test_table_that_cannot_be_read_is_refused(choose, tmp_path: Path, content) -> None:
    path = tmp_path / "board.json"
    if content is not None:
        path.write_bytes(content)
    done = choose("--latency", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "board.json" in done.stderr


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--backbones", "simple-cnn"), "has no pretrained weights"),
        (("--backbones", "lite0"), "no such backbone"),
        (("--input-sizes", "16"), "too small for all"),
        (("--input-sizes", "0"), "expected a whole number"),
        (("--max-ms", "0"), "expected a number above 0"),
        (("--max-mb", "nan"), "expected a number above 0"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    choose, words: tuple[str, ...], fault: str
) -> None:
    done = choose(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert fault in done.stderr.splitlines()[-1]


def test_without_any_weights_it_is_exit_4(
    run_cli, few_cells: Path, cache: Path, tmp_path: Path
) -> None:
    """Every connection is refused, as on a machine without a network."""
    offline = {
        "https_proxy": "http://127.0.0.1:9",
        "no_proxy": "",
        "KERAS_HOME": str(tmp_path),
    }
    words = ("--backbones", "resnet50", "--input-sizes", "64,32", "--cache", cache)
    done = run_cli("train", "choose", few_cells, "-o", tmp_path / "out", *words, env=offline)
    assert (done.returncode, done.stdout) == (4, "")
    lines = [line for line in done.stderr.splitlines() if "cannot be fetched" in line]
    assert lines == done.stderr.splitlines()[-1:]
    assert not (tmp_path / "out").exists()


def test_interrupted_it_is_one_line(
    start_train, wait_for, few_cells: Path, cache: Path, tmp_path: Path
) -> None:
    process = start_train(
        "choose", few_cells, "-o", tmp_path / "out", *QUICK, "--cache", tmp_path / "cache"
    )
    wait_for("2 classes at", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    last = "python -m train choose: interrupted; the same command uses what is computed"
    assert err.splitlines()[-1] == last
    assert "Traceback" not in err
