"""Features on disk: whole or gone on with, found again, and never more than the disk holds."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import MachineError
from train import features
from train.features import BATCH, clean, compute, key

COUNT = 2 * BATCH + 3


def _numbers(start: int, stop: int) -> np.ndarray:
    return np.arange(start, stop)[:, None]


def _double(batch: np.ndarray) -> np.ndarray:
    return np.concatenate([batch, -2 * batch], 1)


def test_every_picture_is_put_in_its_place(tmp_path: Path) -> None:
    found = compute(tmp_path / "f", COUNT, _numbers, _double, "test")
    assert found.shape == (COUNT, 2)
    assert found.dtype == np.float16
    assert np.array_equal(found[:, 0], np.arange(COUNT))
    assert np.array_equal(found[:, 1], -2 * np.arange(COUNT))


def test_what_is_there_is_not_computed_again(tmp_path: Path) -> None:
    first = compute(tmp_path / "f", COUNT, _numbers, _double, "test")
    os.utime(tmp_path / "f" / "features.npy", (0, 0))

    def fail(*_: object) -> np.ndarray:
        raise AssertionError("computed a second time")

    assert np.array_equal(compute(tmp_path / "f", COUNT, fail, fail, "test"), first)
    assert (tmp_path / "f" / "features.npy").stat().st_mtime > time.time() - 60, "it counts as used now"


def test_killed_computation_goes_on_at_its_last_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "RECORD_INTERVAL_S", 0.0)
    asked = []

    def batches(start: int, stop: int) -> np.ndarray:
        asked.append(start)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return _numbers(start, stop)

    with pytest.raises(KeyboardInterrupt):
        compute(tmp_path / "f", COUNT, batches, _double, "test")
    assert not (tmp_path / "f" / "features.npy").exists()
    found = compute(tmp_path / "f", COUNT, batches, _double, "test")
    assert asked == [0, BATCH, 2 * BATCH, 2 * BATCH]
    assert np.array_equal(found[:, 0], np.arange(COUNT))
    assert {path.name for path in (tmp_path / "f").iterdir()} == {"features.npy"}


@pytest.mark.parametrize("record", ["", "x", "-5", str(10 * COUNT)])
def test_record_that_does_not_hold_up_means_from_the_start(tmp_path: Path, record: str) -> None:
    (tmp_path / "f").mkdir()
    np.save(tmp_path / "f" / "part.npy", np.full((COUNT, 2), 7, np.float16))
    (tmp_path / "f" / "done").write_text(record)
    assert np.array_equal(compute(tmp_path / "f", COUNT, _numbers, _double, "test")[:, 0], np.arange(COUNT))


def test_numbers_too_large_for_float16_stay_finite(tmp_path: Path) -> None:
    found = compute(tmp_path / "f", 2, lambda *_: np.array([[1e9], [-1e9]]), lambda batch: batch, "test")
    assert found[:, 0].tolist() == [65504, -65504]


def test_full_disk_is_said_and_gives_back_what_it_took(small_disk) -> None:
    disk = small_disk("300k")
    with pytest.raises(MachineError, match="the disk is full: .* fewer --views") as caught:
        compute(disk / "features" / "f", COUNT, _numbers, lambda batch: np.zeros((len(batch), 5000)), "test")
    assert caught.value.thing == str(disk)
    del caught  # it holds the memory map, and so the disk
    assert list(disk.iterdir()) == []


def test_key_depends_on_every_part_and_its_place() -> None:
    assert len({key("a", "b"), key("b", "a"), key("ab"), key("a", "b", ""), key(b"a")}) == 5
    assert key("a", "b") == key("a", b"b")


def _entry(folder: Path, size: int, age_s: float) -> Path:
    folder.mkdir(parents=True)
    (folder / "features.npy").write_bytes(bytes(size))
    moment = time.time() - age_s
    os.utime(folder / "features.npy", (moment, moment))
    return folder


def test_longest_unused_go_first_until_the_rest_fits(tmp_path: Path) -> None:
    for name, age_s in (("new", 2000), ("old", 9000), ("older", 10_000), ("oldest", 20_000)):
        _entry(tmp_path / name, 100, age_s)
    clean(tmp_path, limit=250)
    assert {path.name for path in tmp_path.iterdir()} == {"new", "old"}


def test_what_may_be_in_the_making_stays_whatever_it_takes(tmp_path: Path) -> None:
    _entry(tmp_path / "now", 1000, 1)
    _entry(tmp_path / "old", 10, 9000)
    clean(tmp_path, limit=100)
    assert [path.name for path in tmp_path.iterdir()] == ["now"]
