"""Tests how `python -m runtime camera` follows a stream, and how it ends."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def camera_command(model: Path, source: str) -> list[str]:
    command = [sys.executable, "-m", "runtime", "camera", str(model)]
    return [*command, "--source", source, "--min-score", "0.6"]


def test_loss_of_a_stream_is_reported_at_once(onnx_model, stream, watch) -> None:
    running = watch(onnx_model(), "--source", stream.url, "--min-score", "0.6")
    running.line(" red 0.99")
    stream.colour = "blue"
    running.line(" blue 0.99")
    stream.unplug()
    running.line(" lost: ", seconds=20)
    running.error("python -m runtime: http://127.0.0.1", "lost", "trying again")
    assert len(running.lines) == 3
    stream.plug()
    running.until(lambda: len(running.lines) == 4)
    assert " blue " in running.lines[3], "the count of equal answers starts again after a loss"
    assert running.end()[0] == 143


def test_stalled_stream_is_reported_as_lost(onnx_model, stream, watch) -> None:
    running = watch(onnx_model(), "--source", stream.url, "--min-score", "0.6", "--json")
    running.line('"red"')
    stream.stalled = True
    lost = json.loads(running.line('"lost"', seconds=30))
    assert (lost["predicted"], lost["score"], lost["predicted_before"], lost["predictions"]) == (
        None,
        None,
        "red",
        [],
    )
    stream.stalled, stream.colour = False, "lime"
    running.line('"green"')


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
@pytest.mark.parametrize("state", ["running", "stalled", "unplugged"])
def test_signal_ends_it_in_time_with_a_whole_line_and_the_camera_freed(
    onnx_model, stream, watch, number, code, state
) -> None:
    running = watch(onnx_model(), "--source", stream.url, "--min-score", "0.6")
    running.line(" red ")
    if state == "stalled":
        stream.stalled = True
    elif state == "unplugged":
        stream.unplug()
        running.line(" lost")
    ended, seconds = running.end(number)
    assert ended == code
    assert seconds < 10, "2 s on a machine that does nothing else"
    assert all(line.endswith("\n") for line in running.lines)
    assert "Traceback" not in "".join(running.errors)
    stream.stalled = False
    deadline = time.monotonic() + 20
    while stream.viewers and time.monotonic() < deadline:
        time.sleep(0.02)
    assert stream.viewers == 0


def test_collect_says_what_it_wrote_and_what_comes_next(stream, watch, tmp_path: Path) -> None:
    running = watch("--source", stream.url, "-o", tmp_path / "in box", verb="collect")
    running.error("images are kept", "until Ctrl-C")
    running.until(lambda: list(tmp_path.glob("in box/new/[!.]*")))
    assert running.end(signal.SIGINT)[0] == 130
    running.until(lambda: len(running.errors) == 4)
    assert "images written to" in running.errors[1]
    assert f"next: python -m runtime label '{tmp_path}/in box'" in running.errors[2]


def test_nohup_keeps_it_running_over_a_hangup(onnx_model, stream, watch) -> None:
    running = watch(
        onnx_model(),
        "--source",
        stream.url,
        "--min-score",
        "0.6",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    running.line(" red ")
    running.process.send_signal(signal.SIGHUP)
    stream.colour = "lime"
    running.line(" green ")


def test_closed_pipe_ends_it_without_an_error(onnx_model, stream) -> None:
    """`camera | head -1`, and a change after that (FAULTS R19)."""
    command = camera_command(onnx_model(), stream.url)
    running = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert " red " in running.stdout.readline()
    running.stdout.close()
    stream.colour = "lime"
    assert running.wait(20) == 141
    assert running.stderr is not None
    assert running.stderr.read() == ""
    running.stderr.close()


def test_full_disk_behind_standard_output_is_exit_4(onnx_model, stream) -> None:
    command = camera_command(onnx_model(), stream.url)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (
        4,
        "python -m runtime: standard output: No space left on device\n",
    )
