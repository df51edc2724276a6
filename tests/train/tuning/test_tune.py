"""`train tune` as a user runs it: its files, a killed study, and processes that share one."""

import csv
import json
import shlex
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

QUICK = ("--backbone", "simple-cnn", "--input-sizes", "32,48", "--seed", "1")
QUICK += ("--head-epochs", "2", "--epochs", "1", "--variants", "1", "--batch", "8")
TIMEOUT_S = 600
"""Against a hang: how long a process takes depends on what else the machine does."""
FILES = {"study.db", "trials.csv", "trials.png"}


@pytest.fixture(scope="module")
def tuned(
    few_cells: Path, cache: Path, run_cli, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict]:
    """A study of two trials, and what the command printed. Not to be changed."""
    folder = tmp_path_factory.mktemp("tuned") / "out"
    done = run_cli(
        "train",
        "tune",
        few_cells,
        "-o",
        folder,
        *QUICK,
        "--trials",
        "2",
        "--cache",
        cache,
        "--json",
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.fixture
def study(tuned: tuple[Path, dict], tmp_path: Path) -> Path:
    """A copy of the folder of `tuned`, to be changed."""
    return Path(shutil.copytree(tuned[0], tmp_path / "out"))


@pytest.fixture
def start(start_train, few_cells: Path, cache: Path):
    return lambda folder, *more: start_train(
        "tune", few_cells, "-o", folder, *QUICK, "--cache", cache, *more
    )


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _state(folder: Path, number: int) -> str:
    with closing(sqlite3.connect(folder / "study.db")) as database:
        query = "select state from trials where number = ?"
        return database.execute(query, (number,)).fetchone()[0]


def _wait_for_heartbeat(folder: Path, number: int) -> None:
    """A thread writes the first heartbeat; without one the trial never counts as dead."""
    query = "select 1 from trial_heartbeats join trials using (trial_id) where number = ?"
    deadline = time.monotonic() + 60
    with closing(sqlite3.connect(folder / "study.db")) as database:
        while not database.execute(query, (number,)).fetchone():
            assert time.monotonic() < deadline, "no heartbeat"
            time.sleep(0.01)


def test_it_writes_a_table_a_plot_and_a_study_and_tries_the_defaults_first(
    tuned: tuple[Path, dict],
) -> None:
    folder, result = tuned
    assert {path.name for path in folder.iterdir()} == FILES
    first, second = _rows(folder)
    assert (first["head_rate"], first["dropout"], first["momentum"]) == ("0.003", "0.2", "0.9")
    assert [first["input_size"], second["input_size"]] == ["32", "48"], "with this seed"
    assert first["head_rate"] != second["head_rate"]
    assert "rate" not in first, "one stage alone learns in a network trained from scratch"
    assert result["complete"] == 2
    assert result["default_val_accuracy"] == pytest.approx(float(first["val_accuracy"]), abs=1e-5)
    assert result["val_accuracy"] == pytest.approx(
        max(float(row["val_accuracy"]) for row in (first, second)), abs=1e-5
    )


def test_the_command_it_prints_trains_to_the_same_validation_accuracy(
    tuned: tuple[Path, dict], run_cli, tmp_path: Path
) -> None:
    _, result = tuned
    words = shlex.split(result["train_command"])
    assert words[:3] == ["python", "-m", "train"]
    done = run_cli("train", *words[3:], "-o", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["val_accuracy"] == result["val_accuracy"]


def test_thawed_blocks_of_a_pretrained_network_are_tuned_too(
    few_cells: Path, cache: Path, run_cli, tmp_path: Path
) -> None:
    network = ("--backbone", "efficientnet-lite0", "--input-size", "32", "--variants", "1")
    stages = ("--recipe", "article", "--hidden", "8", "--head-epochs", "1", "--epochs", "1")
    places = (few_cells, "-o", tmp_path / "out", "--cache", cache)
    done = run_cli("train", "tune", *places, *network, *stages, "--trials", "1")
    assert done.returncode == 0, done.stderr
    (row,) = _rows(tmp_path / "out")
    assert (row["outcome"], row["thaw"]) == ("complete", "1"), "the default comes first"


def test_interrupted_and_killed_it_keeps_finished_trials_and_repeats_the_others(
    study: Path, start, wait_for
) -> None:
    before = _rows(study)
    process = start(study, "--trials", "4")
    wait_for("trial 2", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert _state(study, 2) in ("FAIL", "RUNNING"), "it ends within the trial"
    assert (
        err.splitlines()[-1]
        == "python -m train tune: interrupted; the same command continues the study"
    )

    process = start(study, "--trials", "4")
    wait_for("trial 3", process)
    _wait_for_heartbeat(study, 3)
    process.kill()
    process.wait()
    assert _state(study, 3) == "RUNNING", "it was killed within the trial"
    with closing(sqlite3.connect(study / "study.db")) as database, database:
        database.execute("update trial_heartbeats set heartbeat = '2020-01-01 00:00:00'")

    process = start(study, "--trials", "4")
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, err
    assert "study 'few cells': continues after 2 trials of 4" in err.splitlines()
    rows = _rows(study)
    assert rows[:2] == before
    assert sum(row["outcome"] in ("complete", "pruned") for row in rows) == 4
    assert rows[3]["outcome"] == "failed"
    again = [row for row in rows[4:] if row["head_rate"] == rows[3]["head_rate"]]
    assert [row["outcome"] for row in again] == ["complete"], "the killed trial is tried again"
    assert {path.name for path in study.iterdir()} == FILES


def test_two_processes_share_one_study(start, tmp_path: Path) -> None:
    processes = [start(tmp_path / "out", "--trials", "4") for _ in range(2)]
    outputs = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    rows = _rows(tmp_path / "out")
    assert 4 <= len(rows) <= 5
    assert {row["outcome"] for row in rows} <= {"complete", "pruned"}
    assert len({row["head_rate"] for row in rows}) == len(rows), "no options twice"
    begun = [
        [line.split(":")[0] for line in text.splitlines() if line.startswith("trial ")]
        for text in outputs
    ]
    assert begun[0]
    assert begun[1]
    assert not set(begun[0]) & set(begun[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("images", "other images"),
        ("--flip", "--flip none instead of horizontal"),
        ("--dropout", "--dropout 0.3 instead of the default"),
    ],
)
def test_study_of_other_data_or_options_is_refused(
    study: Path, few_cells: Path, cache: Path, run_cli, tmp_path: Path, change, words
) -> None:
    more = {"--flip": ("--flip", "none"), "--dropout": ("--dropout", "0.3")}.get(change, ())
    copy = Path(shutil.copytree(few_cells, tmp_path / "few cells"))
    if change == "images":
        sorted((copy / "mono").iterdir())[0].unlink()
    before = _rows(study)
    done = run_cli("train", "tune", copy, "-o", study, *QUICK, "--cache", cache, *more)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "python -m train: study 'few cells': exists and differs "
        f"({words}); choose another --study or -o"
    )
    assert _rows(study) == before


@pytest.mark.parametrize(
    "limit", [("--trials", "2"), ("--trials", "9", "--timeout", "1e-9")], ids=["enough", "no time"]
)
def test_study_that_is_complete_or_out_of_time_only_prints_its_result(
    study: Path, tuned, few_cells: Path, cache: Path, run_cli, limit
) -> None:
    before = _rows(study)
    done = run_cli(
        "train", "tune", few_cells, "-o", study, *QUICK, "--cache", cache, *limit, "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {**tuned[1], "folder": str(study)}
    assert _rows(study) == before


def test_trials_that_diverge_are_not_the_end(
    few_cells: Path, cache: Path, run_cli, tmp_path: Path
) -> None:
    done = run_cli(
        "train",
        "tune",
        few_cells,
        "-o",
        tmp_path / "out",
        *QUICK,
        "--cache",
        cache,
        "--head-rate",
        "1e9",
        "--trials",
        "2",
    )
    assert done.returncode == 3, done.stderr
    assert (
        "no trial completed (0 complete, 0 pruned, 2 diverged, 0 failed)"
        in done.stderr.splitlines()[-1]
    )
    assert [row["outcome"] for row in _rows(tmp_path / "out")] == ["diverged", "diverged"]


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("nonsense", 2, "--storage: expected the URL of a database"),
        ("postgresql://me:secret@127.0.0.1:1/x", 4, "postgresql://me:***@127.0.0.1:1/x"),
        (f"sqlite:///{__file__}", 2, "is not a database of studies: file is not a database"),
        ("sqlite:////nowhere/study.db", 4, "unable to open database file"),
    ],
)
def test_invalid_or_unreachable_database_is_one_line(
    few_cells: Path, cache: Path, run_cli, tmp_path: Path, url, code, words
) -> None:
    done = run_cli(
        "train",
        "tune",
        few_cells,
        "-o",
        tmp_path / "out",
        *QUICK,
        "--cache",
        cache,
        "--storage",
        url,
    )
    assert done.returncode == code, done.stderr
    assert words in done.stderr.splitlines()[-1]
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_without_optuna_help_works_and_tuning_is_exit_4(
    bare_python, few_cells: Path, run_cli, tmp_path: Path
) -> None:
    python = bare_python("numpy", "pillow")
    assert run_cli("train", "tune", "--help", python=python).returncode == 0
    done = run_cli("train", "tune", few_cells, "-o", tmp_path / "out", python=python)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1].startswith(
        "python -m train: training: needs the package 'optuna'"
    )
    assert not (tmp_path / "out").exists()
