"""runtime.threads: never more threads than this process may use cores."""

import os
from pathlib import Path

import pytest

from runtime.threads import allowed_cores

HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "cores"), [("100000 100000", 1), ("50000 100000", 1), ("150000 100000", min(2, HERE)), ("9900000 100000", HERE)]
)
def test_cgroup_quota_limits_and_is_rounded_up(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert allowed_cores(tmp_path / "cpu.max") == cores


@pytest.mark.parametrize("text", ["max 100000", "", "nonsense"])
def test_no_quota_leaves_the_affinity(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert allowed_cores(tmp_path / "cpu.max") == HERE
    assert allowed_cores(tmp_path / "missing") == HERE


def test_affinity_limits(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert allowed_cores(tmp_path / "missing") == 1
    finally:
        os.sched_setaffinity(0, before)
