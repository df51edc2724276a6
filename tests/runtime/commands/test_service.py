"""Tests `python -m runtime service` up to the point where it would change this machine.

docs/raspberry-pi.md says how it was tried with a real systemd.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runtime.commands.service import BOOTED, UNIT, unit_text
from runtime.errors import InputRefused

BUNDLE = Path(__file__).parents[3] / "tests" / "data" / "bundle_schema_1"
ODD = ["fruit", "--source", 'a "b" 100%h $HOME \\x', "--live"]


def test_systemd_accepts_the_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "100%h of café"
    folder.mkdir()
    monkeypatch.chdir(folder)
    unit = tmp_path / "quince.service"
    unit.write_text(unit_text(ODD))
    assert f"WorkingDirectory={tmp_path}/100%%h of café\n" in unit.read_text()
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "quince" in line]) == (
        0,
        [],
    )


def test_words_reach_the_unit_as_they_were_typed() -> None:
    (line,) = (line for line in unit_text(ODD).splitlines() if line.startswith("ExecStart="))
    assert line.endswith(
        '"camera" "--wait" "fruit" "--source" "a \\"b\\" 100%%h $$HOME \\\\x" "--live"'
    )


def test_a_line_break_cannot_add_a_line_to_the_unit() -> None:
    with pytest.raises(InputRefused, match="cannot hold"):
        unit_text(["fruit", "--on-change", "x\nExecStartPre=/bin/evil"])


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["missing", "--source", "."], 2, "missing: no such file"),
        ([BUNDLE, "--source", ".", "--surprise"], 2, "unrecognized arguments: --surprise"),
        ([BUNDLE, "--source", "picamera2"], 4, "picamera2"),
        ([BUNDLE, "--source", "."], 4, "root" if os.geteuid() else "systemd: does not run"),
    ],
    ids=["bundle", "option", "package", "machine"],
)
def test_refusals_change_nothing(run_cli, words: list[str], code: int, line: str) -> None:
    done = run_cli("runtime", "service", *words, env={"PATH": "/nonexistent"})
    assert (done.returncode, done.stdout) == (code, "")
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(
    os.geteuid() != 0 or os.path.isdir(BOOTED), reason="needs root and no systemd that would start"
)
def test_without_a_running_systemd_no_unit_is_left(run_cli) -> None:
    before = UNIT.exists()
    done = run_cli("runtime", "service", BUNDLE, "--source", ".")
    assert (done.returncode, "systemd: does not run here" in done.stderr) == (4, True)
    assert UNIT.exists() == before
