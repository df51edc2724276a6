"""Tests `python -m train check` as a user starts it."""

import csv
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from runtime.cli.output import JSON_SCHEMA
from runtime.errors import InputRefused, MachineError
from train.commands.table import main

ROOT = Path(__file__).parents[3]
MEASURED = """
import sys
from train.commands.table import main
code = main(sys.argv[1:])
with open("/proc/self/status") as status:
    peak = next(line for line in status if line.startswith("VmHWM"))
print(peak, file=sys.stderr, end="")
sys.exit(code)
"""


def without_progress(text: str) -> list[str]:
    """Returns the lines on standard error that are not the end of a progress bar."""
    return [line for line in text.splitlines() if not re.match(r"(read|compare) images: ", line)]


@pytest.fixture
def leaky(tmp_path: Path, fill) -> Path:
    """Training and test folders that share a re-encoded image, and a file that is none."""
    data = tmp_path / "data"
    for label in ("a", "b"):
        fill(data / "Training" / label, 22)
        fill(data / "Test" / label, 5)
    with Image.open(sorted((data / "Test" / "b").iterdir())[0]) as image:
        image.save(data / "Training" / "b" / "leak\x1b[31m.jpg", quality=70)
    (data / "Test" / "a" / "notes.txt").write_text("x")
    return data


def test_healthy_folder_is_counted_and_nothing_is_written_beside_the_cache(
    run_cli, cells: Path, tmp_path: Path
) -> None:
    done = run_cli(
        "train",
        "check",
        cells,
        "--input-size",
        "64",
        "--strict",
        "--cache",
        tmp_path / "cache",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["class", "train", "val", "test", "refused"],
        ["mono", "43", "5", "12", "0"],
        ["poly", "43", "5", "12", "0"],
        ["2", "classes", "86", "10", "24", "0"],
    ]
    assert lines[4:6] == [
        "shorter side 300 to 300 pixels, median 300; input 64; all grey",
        "no faults found",
    ]
    assert os.listdir(tmp_path) == ["cache"]


def test_faults_are_named_and_only_strict_refuses_them(run_cli, leaky: Path) -> None:
    done = run_cli("train", "check", leaky)
    assert done.returncode == 0, done.stderr
    assert f"{leaky}/Test/a/notes.txt: not an image" in done.stderr
    assert "1 of 56 files were refused" in done.stdout
    assert "1 of 10 test images are near-duplicates" in done.stdout
    assert "Training/b/leak\\x1b[31m.jpg" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr

    strict = run_cli("train", "check", leaky, "--strict")
    assert (strict.returncode, strict.stdout) == (2, done.stdout)
    last = strict.stderr.splitlines()[-1]
    assert last == (
        f"python -m train check: {leaky}: 2 faults (--strict), "
        "the first: 1 of 56 files were refused"
    )


def test_json_holds_what_the_text_says(run_cli, leaky: Path) -> None:
    result = json.loads(run_cli("train", "check", leaky, "--json").stdout)
    assert result["schema"] == JSON_SCHEMA
    assert result["counts"]["a"] == {"train": 20, "val": 2, "test": 5, "refused": 1}
    assert [row["path"] for row in result["refused_files"]] == ["Test/a/notes.txt"]
    (pair,) = result["pairs"]
    assert (pair["across"], pair["other_path"]) == ("split", "Training/b/leak\x1b[31m.jpg")
    assert (pair["split"], pair["other_split"], pair["label"]) == ("test", "train", "b")
    assert "pairs in this JSON" in result["faults"][1]
    assert len(result["faults"]) == 2
    assert result["near_duplicates"] >= 2


def test_pairs_file_has_every_pair_and_is_not_replaced(
    run_cli, leaky: Path, tmp_path: Path
) -> None:
    table = tmp_path / "pairs.csv"
    done = run_cli("train", "check", leaky, "--pairs", table)
    assert f"All pairs: {table}" in done.stdout
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["across"], row["other_path"]) == ("split", "Training/b/leak\x1b[31m.jpg")
    assert 0 <= int(row["distance"]) <= 8
    again = run_cli("train", "check", leaky, "--pairs", table)
    assert (again.returncode, "choose another file for --pairs" in again.stderr) == (2, True)


def test_counts_are_those_of_the_training_whose_manifest_says_the_same(
    run_cli, cells: Path, trained: Path, small_training: tuple[str, ...]
) -> None:
    size = small_training[small_training.index("--input-size") + 1]
    result = json.loads(run_cli("train", "check", cells, "--input-size", size, "--json").stdout)
    with (trained / "images.csv").open(newline="") as file:
        rows = Counter((row["label"], row["split"]) for row in csv.DictReader(file))
    assert {
        (label, split): count
        for label, row in result["counts"].items()
        for split, count in row.items()
        if count
    } == rows
    health = json.loads((trained / "manifest.json").read_text())["provenance"]["health"]
    assert health == {name: result[name] for name in health}


def test_folder_of_oddities_ends_soon_in_little_memory_and_names_each_once(
    cells: Path, tmp_path: Path, with_oddities: Callable[[Path], Path]
) -> None:
    data = Path(shutil.copytree(cells, tmp_path / "data"))
    with_oddities(data / "mono")
    header = struct.pack(">IIBBBBB", 1, 60_000_000, 8, 2, 0, 0, 0)
    chunk = (
        struct.pack(">I", len(header))
        + b"IHDR"
        + header
        + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    (data / "poly" / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + bytes(4)
    )
    command = [
        sys.executable,
        "-c",
        MEASURED,
        "check",
        str(data),
        "--cache",
        str(tmp_path / "cache"),
    ]
    start = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 60
    assert "\x1b" not in done.stderr + done.stdout
    assert int(done.stderr.split("VmHWM:")[1].split()[0]) < 500_000, "kB"
    for name in (
        "fifo.jpg",
        "zero.jpg",
        "loop.jpg",
        "sparse.jpg",
        "line\\nbreak\\x1b[31m.jpg",
        "latin-\\udce9.jpg",
        "n" * 251,
    ):
        assert (
            len([line for line in done.stderr.splitlines() if f"data/mono/{name}" in line]) == 1
        ), name
    assert "data/poly/bomb.png: 1x60000000 pixels; at most" in done.stderr
    assert "11 of 131 files were refused" in done.stdout


def test_class_of_nothing_but_broken_images_is_refused_with_their_number(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(shutil.copytree(cells, tmp_path / "data"))
    whole = next((data / "mono").iterdir()).read_bytes()
    (data / "broken").mkdir()
    for number in range(300):
        (data / "broken" / f"{number:03}.png").write_bytes(whole[: 100 + 20 * number])
    command = ["check", str(data), "--input-size", "32", "--cache", str(tmp_path / "cache")]
    words = r"class 'broken' has 0 usable images \(300 were refused, the first: broken/000"
    with pytest.raises(InputRefused, match=words) as refusal:
        main(command)
    listed = without_progress(capsys.readouterr().err)
    assert len(listed) == 11
    assert f"{data}/broken/009.png: broken (" in listed[9]
    assert listed[10].endswith("... and 290 more")
    files = refusal.value.details["refused_files"]
    assert len({row["path"] for row in files}) == 300
    with pytest.raises(InputRefused, match=words):
        main([*command, "--verbose"])
    assert len(without_progress(capsys.readouterr().err)) == 300


def test_files_that_are_left_out_are_counted_in_a_line_and_listed_on_demand(
    run_cli, cells: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(cells, tmp_path / "data"))
    names = (".DS_Store", "mono/Thumbs.db", "mono/desktop.ini", "poly/._x.png", "poly/up")
    for name in names[:4]:
        (data / name).write_bytes(b"x")
    (data / "poly" / "up").symlink_to("..")
    command = ("train", "check", data, "--input-size", "64", "--strict")
    done = run_cli(*command)
    assert (done.returncode, without_progress(done.stderr)) == (0, [])
    (line,) = [line for line in done.stdout.splitlines() if "left out" in line]
    assert line.startswith("5 hidden files")
    listed = without_progress(run_cli(*command, "--verbose").stderr)
    assert len(listed) == 5
    assert all(any(f"{data}/{name}: left out" in line for line in listed) for name in names)
    result = json.loads(run_cli(*command, "--json").stdout)
    assert sorted(result["left_out_files"]) == sorted(names)
    assert (result["left_out"], result["files"]) == (5, 120)


def test_jpeg_without_end_marker_is_used_with_a_remark(run_cli, tmp_path: Path, fill) -> None:
    for label in ("a", "b"):
        fill(tmp_path / "data" / label, 21)
    last = sorted((tmp_path / "data" / "b").iterdir())[-1]
    with Image.open(last) as image:
        image.convert("RGB").save(tmp_path / "data" / "b" / "cut.jpg", quality=90)
    last.unlink()
    cut = tmp_path / "data" / "b" / "cut.jpg"
    cut.write_bytes(cut.read_bytes()[:-2])
    for _ in range(2):  # decoded, and from the cache
        done = run_cli("train", "check", tmp_path / "data", "--strict")
        assert (done.returncode, without_progress(done.stderr)) == (0, [])
        assert "1 JPEGs lack the end marker (the first: b/cut.jpg)" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
@pytest.mark.parametrize("locked", ["data/b", "data/b/deeper"])
def test_folder_that_may_not_be_listed_is_the_machines_fault(
    cells: Path, tmp_path: Path, locked: str
) -> None:
    for folder, label in (("a", "mono"), ("b", "poly")):
        shutil.copytree(cells / label, tmp_path / "data" / folder)
    (tmp_path / locked).mkdir(exist_ok=True)
    (tmp_path / locked).chmod(0o000)
    (tmp_path / "cache").mkdir()
    for folder, mode in (
        (tmp_path, 0o755),
        (tmp_path / "data", 0o755),
        (tmp_path / "cache", 0o777),
    ):
        folder.chmod(mode)
    child = os.fork()
    if not child:
        os.chdir(tmp_path)
        os.setuid(65534)
        try:
            main(["check", "data", "--input-size", "32", "--cache", "cache"])
        except MachineError as error:
            os._exit(0 if str(error) == f"{locked}: Permission denied" else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("option", "value"),
    [("--input-size", "0"), ("--test-fraction", "0.9"), ("--val-fraction", "0"), ("--seed", "-1")],
)
def test_option_out_of_range_is_refused_by_its_name(cells: Path, option: str, value: str) -> None:
    with pytest.raises(InputRefused, match=option):
        main(["check", str(cells), option, value])


def test_help_needs_no_packages_and_a_missing_one_is_named(
    run_cli, bare_python: Callable[..., str], cells: Path
) -> None:
    python = bare_python("numpy", "pillow")
    assert "near-duplicates" in run_cli("train", "check", "--help", python=python).stdout
    done = run_cli("train", "check", cells, python=python)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.count("\n") == 1
    assert "pip install imagehash" in done.stderr
