"""Tests which entries of the cache --cache-limit removes."""

import argparse
import os
import time
from pathlib import Path

from train.commands.cache_limit import limit_cache

HOUR = 3600.0


def _file(path: Path, size: int, age_s: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    moment = time.time() - age_s
    os.utime(path, (moment, moment))
    os.utime(path.parent, (moment, moment))
    return path


def _limit(cache: Path, max_bytes: int) -> None:
    limit_cache(argparse.Namespace(cache=cache, cache_limit=max_bytes / 1e9))


def test_longest_unused_are_removed_until_the_rest_fits(tmp_path: Path) -> None:
    new = _file(tmp_path / "features/new/features.npy", 100, 10 * HOUR)
    old = _file(tmp_path / "pixels/v1-64x64-crop/ab/abc", 100, 20 * HOUR)
    older = _file(tmp_path / "features/older/features.npy", 100, 30 * HOUR)
    oldest = _file(tmp_path / "candidates/oldest/model.tflite", 100, 40 * HOUR)
    _limit(tmp_path, 250)
    assert [path.exists() for path in (new, old, older, oldest)] == [True, True, False, False]
    assert not older.parent.exists()


def test_recent_entries_stay_whatever_their_size(tmp_path: Path) -> None:
    features = _file(tmp_path / "features/now/features.npy", 1000, 1)
    pixels = _file(tmp_path / "pixels/v1-64x64-crop/ab/abc", 1000, HOUR)
    old = _file(tmp_path / "features/old/features.npy", 10, 9 * HOUR)
    _limit(tmp_path, 100)
    assert features.exists()
    assert pixels.exists()
    assert not old.exists()


def test_an_entry_that_another_training_has_just_made_stays_while_it_is_empty(
    tmp_path: Path,
) -> None:
    _file(tmp_path / "features/old/features.npy", 1000, 9 * HOUR)
    made = tmp_path / "features/made"
    made.mkdir()
    _limit(tmp_path, 100)
    assert made.exists()


def test_other_files_in_the_folder_stay(tmp_path: Path) -> None:
    """--cache may name a folder in which other programs keep files."""
    other = _file(tmp_path / "mine/photo.jpg", 1000, 90 * HOUR)
    _limit(tmp_path, 100)
    assert other.exists()


def test_a_missing_folder_is_no_error(tmp_path: Path) -> None:
    _limit(tmp_path / "none", 100)
