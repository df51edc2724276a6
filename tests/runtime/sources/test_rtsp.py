"""Tests RTSP against GStreamer's server, which the system's Python runs."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.errors import MachineError
from runtime.monitor.capture import Capture
from runtime.sources.base import open_source

pytest.importorskip("av")

SERVER = Path(__file__).parents[1] / "rtsp_server.py"
PYTHON = "/usr/bin/python3"
CHECK_SERVER = """
import gi
gi.require_version('GstRtspServer', '1.0')
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert Gst.ElementFactory.find('x264enc')
"""
Start = Callable[[int], subprocess.Popen[str]]


@pytest.fixture
def serve() -> Iterator[Start]:
    """Starts the server on a port (0: any free one); the process gets the attribute `port`."""
    if (
        not Path(PYTHON).exists()
        or subprocess.run([PYTHON, "-c", CHECK_SERVER], capture_output=True).returncode
    ):
        pytest.skip(
            "gst-rtsp-server is not installed "
            "(gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-ugly)"
        )
    running = []

    def start(port: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [PYTHON, SERVER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout is not None
        process.port = int(process.stdout.readline())  # type: ignore[attr-defined]
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def colours_of(capture: Capture, count: int) -> list[tuple[int, ...]]:
    colours = []
    for _ in range(600):
        if len(colours) == count:
            break
        if frame := capture.next(0.1):
            assert frame.image.size == (160, 120)
            colours.append(frame.image.getpixel((80, 60)))
    return colours  # type: ignore[return-value]


def test_stream_is_read_and_returns_when_the_camera_does(serve: Start) -> None:
    server = serve(0)
    port = server.port  # type: ignore[attr-defined]
    lines: list[str] = []
    with Capture(
        open_source(f"rtsp://127.0.0.1:{port}/red"),
        stall_s=9,
        backoff_s=(0.2,),
        report=lines.append,
    ) as capture:
        (red, green, blue), *_ = colours_of(capture, 3)
        assert red > 240
        assert max(green, blue) < 15
        server.kill()
        server.wait()
        while capture.state != "lost":
            capture.next(0.1)
        serve(port)
        assert len(colours_of(capture, 3)) == 3
        assert capture.restarts == 1
    assert len(lines) == 2


def test_no_such_stream_is_one_line_without_the_password(serve: Start) -> None:
    port = serve(0).port  # type: ignore[attr-defined]
    with (
        Capture(open_source(f"rtsp://me:secret@127.0.0.1:{port}/none")) as capture,
        pytest.raises(MachineError) as caught,
    ):
        colours_of(capture, 1)
    assert str(caught.value) == f"rtsp://127.0.0.1:{port}/none: Server returned 404 Not Found"


def test_port_without_a_server_is_a_machine_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        Capture(open_source(f"rtsp://127.0.0.1:{port}/red")) as capture,
        pytest.raises(MachineError, match="Connection refused"),
    ):
        colours_of(capture, 1)
