"""Runs `python -m runtime camera` on a loopback camera that sends MJPEG of one colour."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]
HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


def jpeg(colour: str, side: int = 64) -> bytes:
    file = BytesIO()
    Image.new("RGB", (side, side), colour).save(file, "JPEG", quality=95)
    return file.getvalue()


class Camera:
    """Serves frames of `colour`, 25 per second, to everybody who connects."""

    def __init__(self) -> None:
        self.colour = "red"
        self.stalled = self.closed = False
        self.viewers = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/stream"

    def unplug(self) -> None:
        """Closes every connection and refuses new ones."""
        self.closed = True
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def plug(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.unplug()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                if self.closed:
                    connection.close()
                    continue
                self._open.append(connection)
                threading.Thread(target=self._stream, args=(connection,), daemon=True).start()

    def _stream(self, connection: socket.socket) -> None:
        self.viewers += 1
        try:
            with connection, suppress(OSError):
                connection.recv(4096)
                connection.sendall(HEADERS)
                while not self.closed:
                    if not self.stalled:
                        body = jpeg(self.colour)
                        headers = f"Content-Type: image/jpeg\r\nContent-Length: {len(body)}"
                        part = f"--frame\r\n{headers}\r\n\r\n".encode() + body + b"\r\n"
                        connection.sendall(part)
                    time.sleep(0.04)
        finally:
            self.viewers -= 1


class RunningCommand:
    """A running `camera` command, or another one, with the lines that it printed."""

    def __init__(
        self,
        words: list[str | Path],
        variables: dict[str, str],
        verb: str = "camera",
        **options: object,
    ) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
        # Tests that run under nohup inherit an ignored SIGHUP.
        options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "runtime", verb, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        self.lines: list[str] = []
        self.errors: list[str] = []
        for stream, lines in (
            (self.process.stdout, self.lines),
            (self.process.stderr, self.errors),
        ):
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()

    def _read(self, stream, lines: list[str]) -> None:
        for line in stream:
            lines.append(line)

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (self.lines, self.errors)
            assert self.process.poll() is None or condition(), (
                self.process.returncode,
                self.lines,
                self.errors,
            )
            time.sleep(0.02)

    def line(self, *words: str, seconds: float = 60) -> str:
        """Waits for a line of standard output with all the words, and returns it."""
        self.until(lambda: any(all(word in line for word in words) for line in self.lines), seconds)
        return next(line for line in self.lines if all(word in line for word in words))

    def error(self, *words: str, seconds: float = 60) -> str:
        self.until(
            lambda: any(all(word in line for word in words) for line in self.errors), seconds
        )
        return next(line for line in self.errors if all(word in line for word in words))

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Sends a signal; returns the exit code and the seconds until the end."""
        start = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(20)
        return code, time.monotonic() - start


@pytest.fixture
def stream() -> Iterator[Camera]:
    stream = Camera()
    yield stream
    stream.close()


@pytest.fixture
def watch() -> Iterator[Callable[..., RunningCommand]]:
    running: list[RunningCommand] = []

    def launch(
        *words: str | Path, env: dict[str, str] | None = None, **options: object
    ) -> RunningCommand:
        running.append(RunningCommand(list(words), env or {}, **options))
        return running[-1]

    yield launch
    for command in running:
        if command.process.poll() is None:
            command.process.kill()
        command.process.wait()
        for stream in (command.process.stdout, command.process.stderr):
            stream.close()
