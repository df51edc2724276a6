"""Tests docs/raspberry-pi.md and fleet.md: systemd units by systemd, options by the program."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "raspberry-pi.md"
FLEET = PAGE.with_name("fleet.md")
PYTHON, USER = "/home/pi/venv/bin/python", "User=pi"


def units(page: Path) -> list[str]:
    return re.findall(r"^```ini\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def unit() -> str:
    (unit,) = units(PAGE)
    return unit


def check(
    folder: Path, text: str, name: str = "quince.service"
) -> subprocess.CompletedProcess[str]:
    """Runs `systemd-analyze verify` on a unit, with the Python and user of this machine."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    file = folder / name
    assert PYTHON in text
    assert USER in text
    file.write_text(text.replace(PYTHON, sys.executable).replace(USER, "User=root"))
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True, timeout=60
    )


def test_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    done = check(tmp_path, unit())
    messages = [line for line in done.stderr.splitlines() if "quince" in line]
    assert (done.returncode, messages) == (0, []), done.stderr


def test_the_units_of_the_fleet_page_are_taken(tmp_path: Path) -> None:
    service, timer = units(FLEET)
    done = check(tmp_path, service, "quince-update.service")
    assert (done.returncode, "quince-update" in done.stderr) == (0, False), done.stderr
    (tmp_path / "quince-update.timer").write_text(timer)
    words = ["systemd-analyze", "verify", "--man=no", tmp_path / "quince-update.timer"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "quince-update" in done.stderr) == (0, False), done.stderr
    wrong = timer.replace("OnBootSec=5min", "OnBootSec=soon")
    (tmp_path / "quince-update.timer").write_text(wrong)
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert "quince-update.timer" in done.stderr


def test_the_command_of_the_fleet_page_is_one_that_the_program_takes(
    run_cli, tmp_path: Path, refuses
) -> None:
    (start,) = re.findall(r"^ExecStart=(.*)$", units(FLEET)[0], re.MULTILINE)
    command = shlex.split(start)
    assert command[:4] == [PYTHON, "-m", "runtime", "update"]
    (tmp_path / "signers").touch()
    words = [*command[4:], "--signers", "signers", "--watch", "soon"]
    refuses(run_cli("runtime", "update", *words, cwd=tmp_path), 2, "--watch: expected a time")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("RestartSec=10", "RestartSec=soon"),
        ("MemoryMax=512M", "MemoryMost=512M"),
        (PYTHON, f"{PYTHON}-that-is-not-there"),
    ],
)
def test_the_check_finds_a_wrong_line(tmp_path: Path, right: str, wrong: str) -> None:
    """Without this the test above would prove nothing."""
    done = check(tmp_path, unit().replace(right, wrong))
    assert "quince.service" in done.stderr


def test_its_command_is_one_that_the_program_takes(run_cli, onnx_model, tmp_path: Path) -> None:
    (start,) = re.findall(r"^ExecStart=(.*)$", unit(), re.MULTILINE)
    command = shlex.split(start)
    assert command[:4] == [PYTHON, "-m", "runtime", "camera"]
    words = [str(onnx_model()) if word == "fruit" else word for word in command[4:]]
    words[words.index("--source") + 1] = "no-such-image.jpg"
    words[words.index("--mqtt") + 1] = "mqtt://:99999"
    done = run_cli("runtime", "camera", *words, "--min-score", "0.6", cwd=tmp_path)
    assert "--mqtt" in done.stderr.splitlines()[-1] or "paho" in done.stderr, done.stderr


def test_every_option_that_the_page_names_exists(run_cli) -> None:
    helps = run_cli("runtime", "camera", "--help").stdout
    elsewhere = {"--system-site-packages", "--now", "--no-deps", "--device-check", "--against"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE.read_text())) - elsewhere
    assert named
    assert named <= set(re.findall(r"--[a-z][a-z-]+", helps))
