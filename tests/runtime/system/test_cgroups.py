"""Tests that threads never outnumber the cores that this process may use."""

import os
from pathlib import Path

import pytest

from runtime.system.cgroups import allowed_cores

HERE = len(os.sched_getaffinity(0))


def allowed(folder: Path, path: str = "0::/\n") -> int:
    (folder / "membership").write_text(path)
    return allowed_cores(folder, folder / "membership")


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("150000 100000", min(2, HERE)),
        ("9900000 100000", HERE),
    ],
)
@pytest.mark.parametrize(
    "path", ["0::/\n", "0::/system.slice/quince.service\n", "0::/the/host's/own/path\n"]
)
def test_quota_of_a_container_limits_and_is_rounded_up(
    tmp_path: Path, quota: str, cores: int, path: str
) -> None:
    put(tmp_path / "cpu.max", quota + "\n")
    assert allowed(tmp_path, path) == cores


@pytest.mark.parametrize("unit", ["system.slice", "system.slice/quince.service"])
def test_quota_of_a_systemd_unit_or_of_a_parent_limits(tmp_path: Path, unit: str) -> None:
    put(tmp_path / "system.slice/quince.service/cpu.max", "max 100000\n")
    put(tmp_path / unit / "cpu.max", "80000 100000\n")
    assert allowed(tmp_path, "0::/system.slice/quince.service\n") == 1
    assert allowed(tmp_path, "0::/user.slice\n") == HERE


@pytest.mark.parametrize(
    ("lines", "folder"),
    [("1:cpu:/box\n0::/\n", "cpu/box"), ("5:cpu,cpuacct:/box\n", "cpu,cpuacct/box"), ("", "cpu")],
)
def test_quota_of_the_older_cgroups_limits(tmp_path: Path, lines: str, folder: str) -> None:
    put(tmp_path / folder / "cpu.cfs_quota_us", "50000\n")
    put(tmp_path / folder / "cpu.cfs_period_us", "100000\n")
    assert allowed(tmp_path, lines) == 1
    put(tmp_path / folder / "cpu.cfs_quota_us", "-1\n")
    assert allowed(tmp_path, lines) == HERE


@pytest.mark.parametrize("text", ["max 100000", "", "nonsense", "0 0"])
def test_no_quota_leaves_the_affinity(tmp_path: Path, text: str) -> None:
    put(tmp_path / "cpu.max", text)
    assert allowed(tmp_path) == HERE
    assert allowed_cores(tmp_path / "missing", tmp_path / "missing") == HERE


def test_affinity_limits(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert allowed_cores(tmp_path, tmp_path / "missing") == 1
    finally:
        os.sched_setaffinity(0, before)
