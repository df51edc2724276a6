"""Features on disk: computed once, continued after a kill, and removed when unused."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import MachineError
from train.fitting import feature_cache
from train.fitting.feature_cache import BATCH, cache_key, compute_features

COUNT = 2 * BATCH + 3


def _numbers(start: int, stop: int) -> np.ndarray:
    return np.arange(start, stop)[:, None]


def _double(batch: np.ndarray) -> np.ndarray:
    return np.concatenate([batch, -2 * batch], 1)


def test_every_image_is_put_in_its_place(tmp_path: Path) -> None:
    features = compute_features(tmp_path / "f", COUNT, _numbers, _double, "test")
    assert features.shape == (COUNT, 2)
    assert features.dtype == np.float16
    assert np.array_equal(features[:, 0], np.arange(COUNT))
    assert np.array_equal(features[:, 1], -2 * np.arange(COUNT))


def test_existing_features_are_not_computed_again(tmp_path: Path) -> None:
    first = compute_features(tmp_path / "f", COUNT, _numbers, _double, "test")
    os.utime(tmp_path / "f" / "features.npy", (0, 0))

    def fail(*_: object) -> np.ndarray:
        raise AssertionError("computed a second time")

    assert np.array_equal(compute_features(tmp_path / "f", COUNT, fail, fail, "test"), first)
    assert (tmp_path / "f" / "features.npy").stat().st_mtime > time.time() - 60, (
        "it counts as used now"
    )


def test_killed_computation_continues_after_its_last_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_cache, "RECORD_INTERVAL_S", 0.0)
    starts = []

    def batches(start: int, stop: int) -> np.ndarray:
        starts.append(start)
        if len(starts) == 3:
            raise KeyboardInterrupt
        return _numbers(start, stop)

    with pytest.raises(KeyboardInterrupt):
        compute_features(tmp_path / "f", COUNT, batches, _double, "test")
    assert not (tmp_path / "f" / "features.npy").exists()
    features = compute_features(tmp_path / "f", COUNT, batches, _double, "test")
    assert starts == [0, BATCH, 2 * BATCH, 2 * BATCH]
    assert np.array_equal(features[:, 0], np.arange(COUNT))
    assert {path.name for path in (tmp_path / "f").iterdir()} == {"features.npy"}


@pytest.mark.parametrize("record", ["", "x", "-5", str(10 * COUNT)])
def test_invalid_record_means_from_the_start(tmp_path: Path, record: str) -> None:
    (tmp_path / "f").mkdir()
    np.save(tmp_path / "f" / "part.npy", np.full((COUNT, 2), 7, np.float16))
    (tmp_path / "f" / "done").write_text(record)
    assert np.array_equal(
        compute_features(tmp_path / "f", COUNT, _numbers, _double, "test")[:, 0], np.arange(COUNT)
    )


def test_numbers_too_large_for_float16_stay_finite(tmp_path: Path) -> None:
    features = compute_features(
        tmp_path / "f", 2, lambda *_: np.array([[1e9], [-1e9]]), lambda batch: batch, "test"
    )
    assert features[:, 0].tolist() == [65504, -65504]


def test_full_disk_is_one_line_and_frees_what_it_took(small_disk) -> None:
    disk = small_disk("300k")
    with pytest.raises(MachineError, match="the disk is full, .* fewer --variants") as caught:
        compute_features(
            disk / "features" / "f",
            COUNT,
            _numbers,
            lambda batch: np.zeros((len(batch), 5000)),
            "test",
        )
    assert caught.value.thing == str(disk)
    del caught  # it holds the memory map, and so the disk
    assert list(disk.iterdir()) == []


def test_key_depends_on_every_part_and_its_place() -> None:
    parts = [("a", "b"), ("b", "a"), ("ab",), ("a", "b", ""), (b"a",)]
    assert len({cache_key(*part) for part in parts}) == len(parts)
    assert cache_key("a", "b") == cache_key("a", b"b")
