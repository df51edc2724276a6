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
WAITING = "import faulthandler, sys\nfaulthandler.dump_traceback_later(60, exit=True)\n"
"""How a program starts that ends by itself if nothing comes of what a test waits for."""


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


def _read_until(words: str, controller: int) -> str:
    """Returns what a terminal was sent, up to these words."""
    shown = ""
    while words not in shown:
        shown += os.read(controller, 4096).decode()
    return shown


def test_a_long_step_shows_its_seconds_even_where_libraries_are_kept_quiet() -> None:
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    code = WAITING + "from runtime.shared.progress import Progress\n"
    code += "from runtime.system.terminal import quiet\n"
    code += "with Progress('convert', 1) as bar, quiet():\n    sys.stdin.read()\n    bar.advance()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stderr=terminal
    ):
        os.close(terminal)
        _read_until("0/1  1 s", controller)
        _read_until("0/1  2 s", controller)
    os.close(controller)


def test_a_long_step_says_so_in_a_log_too() -> None:
    """Where the work is quiet also, and only once for what is done."""
    code = WAITING + "import runtime.shared.progress as progress\n"
    code += "from runtime.system.terminal import quiet\nprogress.LOG_INTERVAL_S = 1.2\n"
    code += "with progress.Progress('build', 1) as bar:\n    with quiet():\n"
    code += "        sys.stdin.readline()\n    bar.advance()\n    bar._ended.wait(1.9)"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        first = process.stderr.readline()
        _, rest = process.communicate("\n")
    assert re.fullmatch(r"build: 0/1, \d+ s\n", first)
    assert re.fullmatch(r"(build: 0/1, \d+ s\n)*build: 1/1, \d+ s\n", rest), rest


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
    code = WAITING + "from runtime.shared.progress import Progress\n"
    code += "with Progress('outer', 1) as outer:\n    before = outer._start\n"
    code += "    with Progress('inner', 1) as inner:\n        sys.stdin.read()\n"
    code += "        inner.advance()\n    outer.advance()\nprint(outer._start - before)"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = _read_until("0/1  2 s", controller)
        not_counted, _ = process.communicate()
    shown += os.read(controller, 65536).decode()
    os.close(controller)
    frames = [frame.split()[0] for frame in shown.split("\r\x1b[2K")[1:]]
    assert frames[0] == "outer"
    assert set(frames[1:-2]) == {"inner"}, "the outer one does not draw over it"
    assert re.search(r"1/1  \d+ s", shown.split("outer")[1])
    assert float(not_counted) > 1.5, "the time of the inner one"


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
