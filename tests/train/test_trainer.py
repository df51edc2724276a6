"""Training as a user starts it: errors, interruptions, full disks, and existing folders."""

import csv
import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

LONG = ("--backbone", "simple-cnn", "--input-size", "32", "--head-epochs", "9999")
LONG += ("--patience", "9999", "--variants", "1")


def _test_images(run: dict[str, bytes]) -> set[str]:
    rows = csv.DictReader(run["images.csv"].decode().splitlines())
    return {row["path"] for row in rows if row["split"] == "test"}


@pytest.fixture
def start(start_train, wait_for_checkpoint: Callable[[Path], None], tmp_path: Path, cells: Path):
    """Starts a training that would never end, and waits until it is in its epochs."""

    def begin(run: Path, *options: str) -> subprocess.Popen[str]:
        process = start_train(cells, "-o", run, *LONG, "--cache", tmp_path / "cache", *options)
        wait_for_checkpoint(run)
        return process

    return begin


def test_broken_images_are_named_and_strict_refuses_them(
    run_cli, cells: Path, tmp_path: Path, tiny
) -> None:
    data = Path(shutil.copytree(cells, tmp_path / "data"))
    (data / "mono" / "bad.jpg").write_text("x")
    done = run_cli("train", data, "-o", tmp_path / "run", *tiny, "--strict")
    assert done.returncode == 2
    assert f"{data / 'mono' / 'bad.jpg'}: not an image" in done.stderr
    assert (
        done.stderr.splitlines()[-1]
        == f"python -m train: {data}: 1 of 121 files were refused (--strict)"
    )
    assert not (tmp_path / "run").exists()


def test_odd_names_and_a_broken_file_survive_a_whole_run(
    run_cli, cells: Path, tmp_path: Path, tiny
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    names = ["<b>café noir=", "猫"]
    for name, source in zip(names, ("mono", "poly"), strict=True):
        shutil.copytree(cells / source, data / name)
    (data / "猫" / "cut\n.png").write_text("x")
    done = run_cli("train", data, "-o", run, *tiny, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test_images"] == 24
    assert json.loads((run / "manifest.json").read_text())["labels"] == names
    with (run / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == set(names)
    assert [row["path"] for row in rows if row["split"] == "refused"] == ["猫/cut\n.png"]
    assert f"next: python -m export tflite {run}" in done.stderr
    head = ["class", "train", "val", "test", "refused"]
    counts = [
        line.split() for line in done.stderr.splitlines() if line.startswith(("class ", *names))
    ]
    assert counts == [
        head,
        [*names[0].split(), "43", "5", "12", "0"],
        [names[1], "43", "5", "12", "1"],
    ]
    healthy = (
        "read images",
        "compare images",
        "python -m train: ",
        "class ",
        *names,
        "shorter side",
        "2 classes",
    )
    ours = (
        *healthy,
        "features, v",
        "validation f",
        "train all",
        "test: ",
        "report: ",
        "next: ",
        "/",
    )
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<b>" + "café" not in page
    assert "&lt;b&gt;café noir=" in page
    assert "猫/cut\n.png" in page
    assert [line for line in done.stderr.splitlines() if not line.startswith(ours)] == [], (
        "no log line of a library"
    )


def test_divergence_publishes_nothing(run_cli, cells: Path, tmp_path: Path, tiny) -> None:
    done = run_cli(
        "train",
        cells,
        "-o",
        tmp_path / "run",
        *tiny,
        "--head-epochs",
        "3",
        "--rate",
        "1e10",
        "--head-rate",
        "1e10",
    )
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    assert last.startswith("python -m train: training: the ")
    assert "epoch 1" in last
    assert "step" in last
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_not_a_run_is_never_replaced(
    run_cli, cells: Path, tmp_path: Path, tiny, contents
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    done = run_cli("train", cells, "-o", precious, *tiny, "--overwrite")
    assert done.returncode == 2
    assert "is not a run folder" in done.stderr.splitlines()[-1]
    assert contents(precious) == {"thesis.txt": b"years of work"}


def test_the_images_themselves_are_never_replaced(
    run_cli, cells: Path, tmp_path: Path, tiny, contents
) -> None:
    data = Path(shutil.copytree(cells, tmp_path / "data"))
    before = contents(data)
    assert run_cli("train", data, "-o", data, *tiny, "--overwrite").returncode == 2
    assert contents(data) == before


def test_run_folder_among_the_images_is_refused(run_cli, cells: Path, tiny, refused) -> None:
    assert "would take it for a class" in refused(
        run_cli("train", cells, "-o", cells / "run", *tiny)
    )


def test_existing_run_is_kept_without_overwrite(
    run_cli, run_copy: Path, cells: Path, tiny, contents
) -> None:
    before = contents(run_copy)
    done = run_cli("train", cells, "-o", run_copy, *tiny)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr.splitlines()[-1]
    assert contents(run_copy) == before


def test_run_of_other_images_is_not_reused(
    run_cli, run_copy: Path, cells: Path, small_training, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(cells, tmp_path / "data"))
    next((data / "mono").iterdir()).unlink()
    assert run_cli("train", data, "-o", run_copy, *small_training).returncode == 2


def test_run_from_other_weights_of_the_same_name_is_not_reused(
    run_cli, trained: Path, cells: Path, tmp_path: Path, tiny
) -> None:
    weights = Path(shutil.copy(trained / "model.keras", tmp_path / "weights.keras"))
    command = ("train", cells, "-o", tmp_path / "run", *tiny, "--weights", weights, "--json")
    done = run_cli(*command)
    assert done.returncode == 0, done.stderr
    assert json.loads(run_cli(*command).stdout)["reused"]
    weights.write_bytes(weights.read_bytes() + b"\0")
    again = run_cli(*command)
    assert again.returncode == 2
    assert "made by another command" in json.loads(again.stdout)["error"]["reason"]
    assert "--overwrite" in again.stderr.splitlines()[-1]


def test_run_with_a_damaged_model_is_not_reused(
    run_cli, run_copy: Path, cells: Path, small_training
) -> None:
    (run_copy / "model.keras").write_bytes(b"damaged")
    done = run_cli("train", cells, "-o", run_copy, *small_training)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr.splitlines()[-1]


def test_killed_training_keeps_the_existing_run_and_the_next_one_replaces_it(
    start, run_cli, run_copy: Path, cells: Path, tiny, contents
) -> None:
    before = contents(run_copy)
    (run_copy / "left-over.txt").touch()
    process = start(run_copy, "--overwrite")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert contents(run_copy) == before | {"left-over.txt": b""}
    left = {path.name for path in run_copy.parent.glob("[!.]*")}
    assert left - {f"{run_copy.name}.partial"} == {run_copy.name, "cache"}, "no half run beside it"

    done = run_cli("train", cells, "-o", run_copy, *tiny, "--overwrite")
    assert done.returncode == 0, done.stderr
    after = contents(run_copy)
    assert set(after) == set(before)
    assert after["manifest.json"] != before["manifest.json"]
    assert {path.name for path in run_copy.parent.iterdir()} == {run_copy.name, "cache"}, (
        "the checkpoint of the killed training is removed"
    )
    assert _test_images(after) == _test_images(before), (
        "another network, but the same seed and images: the same split"
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_training_ends_in_one_line_and_leaves_no_half_run(
    start, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = start(tmp_path / "run")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert out == ""
    assert "Traceback" not in err
    expected = [
        "python -m train: interrupted; the same command continues from the last whole epoch"
    ]
    after = err[err.index("train all") :].splitlines()  # start waited for the first epoch
    assert [line for line in after if not line.startswith("train all")] == (
        expected if code == 130 else []
    )
    assert {path.name for path in tmp_path.iterdir()} <= {"cache", "run.partial"}
    assert not list(tmp_path.rglob(".quince-*"))


def test_full_disk_keeps_the_existing_run(
    run_cli, small_disk, trained: Path, cells: Path, tiny, contents
) -> None:
    old = Path(shutil.copytree(trained, small_disk("700k") / "run"))
    before = contents(old)
    subprocess.run(["fallocate", "-l", "300k", old.parent / "filler"], check=True)
    done = run_cli("train", cells, "-o", old, *tiny, "--overwrite")
    assert done.returncode == 4, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"python -m train: {old.parent}")
    assert last.endswith("cannot be written: the disk is full; what was there is unchanged")
    assert "Traceback" not in done.stderr
    assert contents(old) == before
    assert {path.name for path in old.parent.iterdir()} == {"run", "filler"}


def test_full_disk_of_the_cache_is_one_line_and_not_a_bus_error(
    run_cli, small_disk, cells: Path, tmp_path: Path, tiny
) -> None:
    disk = small_disk("1300k")
    done = run_cli(
        "train", cells, "-o", tmp_path / "run", *tiny, "--variants", "20", "--cache", disk
    )
    assert done.returncode == 4, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"python -m train: {disk}: the disk is full")
    assert not list(disk.rglob("part.npy"))
    assert not list(tmp_path.glob("run*"))


def test_cache_that_is_a_file_is_refused(run_cli, cells: Path, tmp_path: Path, tiny) -> None:
    (tmp_path / "file").touch()
    done = run_cli("train", cells, "-o", tmp_path / "run", *tiny, "--cache", tmp_path / "file")
    assert done.returncode == 4
    assert "--cache" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
