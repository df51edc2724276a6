"""Tests the sample of solar cells from the package elpv-dataset."""

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from runtime.errors import InputRefused
from train.sample_datasets.elpv import elpv
from train.sample_datasets.write import write_sample

COUNTS = {
    "Training/functional": 1353,
    "Training/defective": 617,
    "Test/functional": 450,
    "Test/defective": 204,
}


def test_cells_are_as_many_as_published_and_a_quarter_is_for_testing() -> None:
    rows = list(elpv())
    assert Counter(subfolder for subfolder, _ in rows) == COUNTS
    assert COUNTS["Training/functional"] + COUNTS["Test/functional"] == 1803
    assert COUNTS["Training/defective"] + COUNTS["Test/defective"] == 821
    assert len({file for _, file in rows}) == 2624
    assert list(elpv()) == rows


def test_sample_becomes_a_folder_per_class_and_is_kept_the_second_time(
    run_cli, tmp_path: Path
) -> None:
    folder = tmp_path / "elpv"
    done = run_cli("train", "sample", "elpv", "-o", folder)
    assert (done.returncode, done.stdout) == (0, f"{folder}: 2624 images\n")
    assert done.stderr.endswith(f"next: python -m train {folder}\n")
    assert {name: len(list((folder / name).iterdir())) for name in COUNTS} == COUNTS
    label, source = next(elpv())
    assert (folder / label / source.name).read_bytes() == source.read_bytes()
    with Image.open(folder / label / source.name) as image:
        assert image.size == (300, 300)
    before = folder.stat().st_mtime_ns, folder.stat().st_ino
    assert write_sample("elpv", elpv(), folder) == 2624
    assert (folder.stat().st_mtime_ns, folder.stat().st_ino) == before
    assert [path.name for path in tmp_path.iterdir()] == ["elpv"]


def test_folder_that_holds_something_else_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("kept")
    with pytest.raises(InputRefused, match="is not the sample elpv"):
        write_sample("elpv", elpv(), tmp_path / "mine")
    assert (tmp_path / "mine" / "precious.txt").read_text() == "kept"


def test_sample_that_misses_an_image_is_refused(tmp_path: Path) -> None:
    label, source = next(elpv())
    (tmp_path / "elpv" / label).mkdir(parents=True)
    (tmp_path / "elpv" / label / source.name).write_bytes(source.read_bytes())
    with pytest.raises(InputRefused, match="exists already"):
        write_sample("elpv", elpv(), tmp_path / "elpv")


def test_unknown_sample_is_a_usage_error(run_cli, tmp_path: Path) -> None:
    done = run_cli("train", "sample", "cats", "-o", tmp_path / "cats")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "elpv" in done.stderr
    assert not (tmp_path / "cats").exists()
