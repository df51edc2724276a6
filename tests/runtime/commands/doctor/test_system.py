"""Tests word size, Python versions, processor files and the clock."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.commands.doctor.finding import Finding
from runtime.commands.doctor.system import examine_system
from runtime.system.machine import read_machine

MakeRoot = Callable[..., Path]
POSSIBLE, PRESENT = "sys/devices/system/cpu/possible", "sys/devices/system/cpu/present"


def find(
    root: Path, topic: str, bits: int = 64, python: tuple[int, int] = (3, 11)
) -> Finding | None:
    findings = examine_system(root, read_machine(root), bits, python)
    return next((finding for finding in findings if finding.topic == topic), None)


def test_machine_is_named(pi_root: MakeRoot) -> None:
    finding = find(pi_root(), "machine")
    assert finding is not None
    for word in (
        "Raspberry Pi 4 Model B Rev 1.4",
        "Cortex-A72",
        "bookworm",
        "6.12.25+rpt-rpi-v8",
        "of 4 cores",
    ):
        assert word in finding.found


@pytest.mark.parametrize(
    ("kernel", "bits", "python", "level", "words"),
    [
        ("aarch64", 64, (3, 13), "ok", []),
        (
            "aarch64",
            32,
            (3, 11),
            "warning",
            ["which this processor runs", "pip install tflite-runtime==2.14.0 'numpy<2'"],
        ),
        ("aarch64", 32, (3, 13), "problem", ["64-bit Raspberry Pi OS, which this processor runs"]),
        ("armv7l", 32, (3, 13), "problem", ["install 64-bit Raspberry Pi OS: LiteRT"]),
    ],
)
def test_word_size(
    pi_root: MakeRoot, kernel: str, bits: int, python: tuple[int, int], level: str, words: list[str]
) -> None:
    finding = find(pi_root({"proc/sys/kernel/arch": kernel}), "word size", bits, python)
    assert finding is not None
    assert (finding.level, f"kernel {kernel}, Python {bits} bit" in finding.found) == (level, True)
    assert all(word in finding.do for word in words)


@pytest.mark.parametrize(
    ("python", "level"),
    [((3, 10), "warning"), ((3, 11), "ok"), ((3, 14), "ok"), ((3, 15), "warning")],
)
def test_python_without_wheels(pi_root: MakeRoot, python: tuple[int, int], level: str) -> None:
    finding = find(pi_root(), "Python", 64, python)
    assert finding is not None
    assert finding.level == level


@pytest.mark.parametrize("absent", [(POSSIBLE,), (PRESENT,), (POSSIBLE, PRESENT)])
def test_missing_processor_files_are_reported(pi_root: MakeRoot, absent: tuple[str, ...]) -> None:
    finding = find(pi_root(dict.fromkeys(absent)), "processor files")
    assert finding is not None
    assert finding.level == "warning"
    assert all(f"/{name}" in finding.found for name in absent)
    assert "mount /sys" in finding.do


def test_existing_processor_files_are_not_reported(pi_root: MakeRoot) -> None:
    assert find(pi_root(), "processor files") is None


def test_clock_of_1970_is_reported(pi_root: MakeRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    root = pi_root()
    assert find(root, "clock") is None
    epoch = time.gmtime(0)
    monkeypatch.setattr(time, "gmtime", lambda: epoch)
    finding = find(root, "clock")
    assert finding is not None
    assert "certificates" in finding.found
