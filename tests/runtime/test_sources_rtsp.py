"""runtime.sources.rtsp against GStreamer's server, run by the system's Python."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.capture import Capture
from runtime.errors import MachineError
from runtime.sources import open_source

pytest.importorskip("av")

SERVER = Path(__file__).parent / "rtsp_server.py"
PYTHON = "/usr/bin/python3"
PARTS = """
import gi
gi.require_version('GstRtspServer', '1.0')
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert Gst.ElementFactory.find('x264enc')
"""
Start = Callable[[int], subprocess.Popen[str]]


@pytest.fixture
def serve() -> Iterator[Start]:
    """Starts the server on a port, 0 for any; the process has `port`."""
    if not Path(PYTHON).exists() or subprocess.run([PYTHON, "-c", PARTS], capture_output=True).returncode:
        pytest.skip("gst-rtsp-server is not installed (gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-ugly)")
    running = []

    def start(port: int) -> subprocess.Popen[str]:
        process = subprocess.Popen([PYTHON, SERVER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        process.port = int(process.stdout.readline())  # type: ignore[attr-defined]
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def some(capture: Capture, count: int) -> list[tuple[int, ...]]:
    colours = []
    for _ in range(600):
        if len(colours) == count:
            break
        if frame := capture.next(0.1):
            assert frame.image.size == (160, 120)
            colours.append(frame.image.getpixel((80, 60)))
    return colours  # type: ignore[return-value]


def test_stream_is_read_and_comes_back_when_the_camera_does(serve: Start) -> None:
    server = serve(0)
    port = server.port  # type: ignore[attr-defined]
    lines: list[str] = []
    with Capture(open_source(f"rtsp://127.0.0.1:{port}/red"), stall_s=9, backoff_s=(0.2,), say=lines.append) as capture:
        (red, green, blue), *_ = some(capture, 3)
        assert red > 240
        assert max(green, blue) < 15
        server.kill()
        server.wait()
        while capture.state != "lost":
            capture.next(0.1)
        serve(port)
        assert len(some(capture, 3)) == 3
        assert capture.restarts == 1
    assert len(lines) == 2


def test_no_such_stream_is_one_line_without_the_password(serve: Start) -> None:
    port = serve(0).port  # type: ignore[attr-defined]
    with Capture(open_source(f"rtsp://me:secret@127.0.0.1:{port}/none")) as capture, pytest.raises(MachineError) as caught:
        some(capture, 1)
    assert str(caught.value) == f"rtsp://127.0.0.1:{port}/none: Server returned 404 Not Found"


def test_nobody_there_is_an_error_of_the_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Capture(open_source(f"rtsp://127.0.0.1:{port}/red")) as capture, pytest.raises(MachineError, match="Connection refused"):
        some(capture, 1)
