"""runtime.shared.progress: a bar on a terminal, plain lines in a log."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from runtime.shared.progress import Progress, track

ROOT = Path(__file__).parents[3]


def test_log_gets_plain_lines_and_the_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(iter("abc"), "letters", 3)) == ["a", "b", "c"]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "letters: 3/3, 0 s\n"


def test_note_and_partial_count_are_shown_when_left_early(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        with Progress("epochs", 10) as bar:
            bar.advance(4, note="loss 0.5")
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert capsys.readouterr().err == "epochs: 4/10, 0 s, loss 0.5\n"


def test_nothing_to_do_is_no_division_by_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track([], "nothing", 0)) == []
    assert "0/0" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [30, 200])
def test_terminal_gets_one_line_that_fits(columns: int) -> None:
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    code = "from runtime.shared.progress import Progress\n"
    code += "with Progress('a rather long label', 3) as bar:\n    bar.advance(3, 'note ' * 40)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=terminal, check=True)
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(controller, 4096):
            shown += part
    except OSError:  # Linux's way of saying that the other end is closed
        pass
    os.close(controller)
    frames = shown.decode().replace("\r\n", "").split("\r\x1b[2K")[1:]
    assert frames[0].startswith("a rather long label")
    assert all(len(frame) < columns for frame in frames)
    if columns > 60:
        assert "3/3" in frames[-1]
        assert "█" in frames[-1]
        assert "█" not in frames[0]


def test_a_long_step_shows_its_seconds_even_where_libraries_are_kept_quiet() -> None:
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    code = "import time\nfrom runtime.shared.progress import Progress\n"
    code += "from runtime.system.terminal import quiet\n"
    code += "with Progress('convert', 1) as bar, quiet():\n    time.sleep(2.2)\n    bar.advance()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=terminal, check=True)
    os.close(terminal)
    shown = os.read(controller, 65536).decode()
    os.close(controller)
    assert "0/1  1 s" in shown
    assert "0/1  2 s" in shown


def test_a_long_step_says_so_in_a_log_too() -> None:
    """Where the work is quiet also, and only once for what is done."""
    code = "import time\nimport runtime.shared.progress as progress\n"
    code += "from runtime.system.terminal import quiet\nprogress.LOG_INTERVAL_S = 1.2\n"
    code += "with progress.Progress('build', 1) as bar:\n    with quiet():\n"
    code += "        time.sleep(1.9)\n    bar.advance()\n    time.sleep(1.9)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"build: 0/1, [12] s\nbuild: 1/1, 4 s\n", done.stderr), done.stderr


def test_a_full_disk_behind_stderr_does_not_end_the_work() -> None:
    code = "from runtime.shared.progress import Progress\n"
    code += "with Progress('x', 1) as bar:\n    bar.advance()\nprint('done')"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stderr=full, stdout=subprocess.PIPE, check=False
        )
    assert done.stdout == b"done\n"


def test_a_step_within_another_takes_its_place_and_its_time_is_not_the_others() -> None:
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    code = "import time\nfrom runtime.shared.progress import Progress\n"
    code += "with Progress('outer', 1) as outer:\n"
    code += "    with Progress('inner', 1) as inner:\n        time.sleep(1.8)\n"
    code += "        inner.advance()\n    outer.advance()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=terminal, check=True)
    os.close(terminal)
    shown = os.read(controller, 65536).decode()
    os.close(controller)
    frames = [frame.split()[0] for frame in shown.split("\r\x1b[2K")[1:]]
    assert frames[0] == "outer"
    assert set(frames[1:-2]) == {"inner"}, "the outer one does not draw over it"
    assert re.search("1/1  [2-9] s", shown.split("outer")[1])
    assert "1/1  0 s" in shown.split("outer")[-1]


def test_a_log_gets_the_last_count_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.shared.progress.LOG_INTERVAL_S", 0.0)
    with Progress("letters", 2) as bar:
        bar.advance()
        bar.advance()
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        "letters: 1/2",
        "letters: 2/2",
    ]
