"""Tests which devices are cameras, who may open them, and how picamera2 is found."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.commands.doctor.cameras import examine_cameras, judge_picamera2
from runtime.commands.doctor.finding import Finding
from runtime.system.subprocesses import ChildResult

MakeRoot = Callable[..., Path]
NAME = "sys/class/video4linux/video{}/name"
WEBCAM = {"dev/video0": "", NAME.format(0): "HD Webcam C270\n"}
CODEC = {"dev/video10": "", NAME.format(10): "bcm2835-codec-decode\n"}
RIBBON = {"dev/video0": "", NAME.format(0): "unicam\n"}
APT = {"usr/lib/python3/dist-packages/picamera2/__init__.py": ""}


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/pyvenv.cfg").write_text(
        "home = /usr/bin\ninclude-system-site-packages = false\n"
    )
    return tmp_path / "venv"


def topics(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.topic, finding.level) for finding in findings]


def test_webcam_is_listed_with_the_option_that_uses_it(
    pi_root: MakeRoot, environment: Path
) -> None:
    (finding,) = examine_cameras(pi_root(WEBCAM | CODEC), environment)
    assert finding.found == "/dev/video0 (HD Webcam C270) can be opened: --source camera:0"


def test_device_of_another_group_names_the_group(
    pi_root: MakeRoot, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (finding,) = examine_cameras(pi_root(WEBCAM), environment)
    assert finding.level == "warning"
    assert finding.do.startswith("sudo usermod -aG ")


@pytest.mark.parametrize(
    ("devices", "found"),
    [({}, "no /dev/video* devices"), (CODEC, "no camera among the /dev/video* devices")],
)
def test_no_camera_is_a_note(
    pi_root: MakeRoot, environment: Path, devices: dict[str, str], found: str
) -> None:
    (finding,) = examine_cameras(pi_root(devices), environment)
    assert (finding.level, finding.found) == ("note", found)


def test_picamera2_hidden_by_a_virtual_environment_is_found(
    pi_root: MakeRoot, environment: Path
) -> None:
    findings = list(examine_cameras(pi_root(RIBBON | APT), environment))
    assert topics(findings) == [("picamera2", "warning")]
    assert "this virtual environment hides it" in findings[0].found
    assert "--system-site-packages" in findings[0].do
    (environment / "pyvenv.cfg").write_text("include-system-site-packages = true\n")
    findings = list(examine_cameras(pi_root(RIBBON | APT), environment))
    assert not [finding for finding in findings if "hides" in finding.found]


def test_camera_on_the_ribbon_cable_needs_picamera2(pi_root: MakeRoot, environment: Path) -> None:
    (finding,) = examine_cameras(pi_root(RIBBON), environment)
    assert "there is a camera module (/dev/video0)" in finding.found
    assert "python3-picamera2" in finding.do


@pytest.mark.parametrize(
    ("result", "level", "word"),
    [
        (ChildResult({"cameras": 1}), "ok", "sees 1 cameras"),
        (
            ChildResult(
                reason="ValueError: numpy.dtype size changed",
                errors="ValueError: numpy.dtype size changed",
            ),
            "warning",
            "numpy 1",
        ),
        (
            ChildResult(reason="No module named 'libcamera'", errors="No module named 'libcamera'"),
            "warning",
            "libcamera is not",
        ),
        (ChildResult(reason="dies of signal 11 (Segmentation fault)"), "warning", "does not work"),
    ],
)
def test_installed_picamera2_is_tried(result: ChildResult, level: str, word: str) -> None:
    finding = judge_picamera2(result)
    assert finding.level == level
    assert word in finding.found
