"""Tests docs/fleet.md: its systemd units by systemd's own check, its command by the program."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "fleet.md"
PYTHON, USER = "/home/pi/venv/bin/python", "User=pi"
SERVICE, TIMER = re.findall(r"^```ini\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def check(folder: Path, service: str, timer: str) -> list[str]:
    """Returns the lines of `systemd-analyze verify`, with the Python and user of this machine."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    assert PYTHON in service
    assert USER in service
    here = service.replace(PYTHON, sys.executable).replace(USER, "User=root")
    (folder / "quince-update.service").write_text(here)
    (folder / "quince-update.timer").write_text(timer)
    words = ["systemd-analyze", "verify", "--man=no", *sorted(folder.glob("quince-update.*"))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    return [line for line in done.stderr.splitlines() if "quince" in line]


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    assert check(tmp_path, SERVICE, TIMER) == []


def test_the_check_finds_a_wrong_line(tmp_path: Path) -> None:
    """Without this the test above would prove nothing."""
    timer = TIMER.replace("OnBootSec=5min", "OnBootSec=soon")
    assert "quince-update.timer" in check(tmp_path, SERVICE, timer)[0]
    service = SERVICE.replace("TimeoutStartSec=1h", "TimeoutStartSec=soon")
    assert "quince-update.service" in check(tmp_path, service, TIMER)[0]


def test_the_program_takes_the_command(run_cli, tmp_path: Path, refuses) -> None:
    (start,) = re.findall(r"^ExecStart=(.*)$", SERVICE, re.MULTILINE)
    command = shlex.split(start)
    assert command[:4] == [PYTHON, "-m", "runtime", "update"]
    words = [*command[4:], "--signers", "signers", "--watch", "soon"]
    refuses(run_cli("runtime", "update", *words, cwd=tmp_path), 2, "--watch: expected a time")


def test_every_option_that_the_page_names_exists(run_cli) -> None:
    lines = [("runtime", "update"), ("runtime", "install"), ("export", "sign"), ("export", "onnx")]
    helps = "".join(run_cli(*words, "--help").stdout for words in lines)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE.read_text())) - {"--now", "--delete"}
    assert len(named) > 5
    assert named <= set(re.findall(r"--[a-z][a-z-]+", helps))
