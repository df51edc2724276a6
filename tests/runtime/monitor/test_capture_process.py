"""Tests that a process with a capture ends at once, frees everything, and ignores the wall clock.

FAULTS R17, R18, R27.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from runtime.monitor.capture import Capture
from runtime.sources.base import Frame, Source, SourceType, open_source

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 20


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "condition was never true"
        time.sleep(0.005)


def test_capture_closes_within_two_seconds_although_its_source_is_stuck() -> None:
    opened, released = threading.Event(), threading.Event()

    def frames(_: str) -> Iterator[Frame]:
        opened.set()
        released.wait(3600)
        yield from ()

    opener = SimpleNamespace(load=lambda: frames)
    source = Source("stuck", "", SourceType(opener, "live frames"))  # type: ignore[arg-type]
    with Capture(source):
        assert opened.wait(TIMEOUT_S)
        start = time.monotonic()
    assert time.monotonic() - start < 6  # 2 s, and more on a loaded machine
    released.set()


@pytest.mark.parametrize("moment", ["a blocked read", "the backoff"])
def test_process_ends_within_two_seconds_of_a_signal(camera, moment: str) -> None:
    url = camera.url("stall" if moment == "a blocked read" else "flap")
    code = f"""
import signal, sys
from runtime.monitor.capture import Capture
from runtime.sources.base import open_source
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
with Capture(open_source({url!r}), backoff_s=(3600,)) as capture:
    while capture.state != {"running" if moment == "a blocked read" else "lost"!r}:
        capture.next(0.1)
    print("ready", flush=True)
    while True:
        capture.next(3600)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        assert process.stdout.readline() == b"ready\n"
        start = time.monotonic()
        process.terminate()
        assert process.wait(10) == 143
        # 2 s, and more on a loaded machine; a read would block for 10 s.
        assert time.monotonic() - start < 6
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_reconnecting_leaves_no_files_and_threads_behind(camera) -> None:
    def count_files_and_threads() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    with Capture(
        open_source(camera.url("flap")), backoff_s=(0,), report=lambda line: None
    ) as capture:
        wait_until(lambda: capture.restarts >= 10)
        before = count_files_and_threads()
        wait_until(lambda: capture.restarts >= 200)
        after = count_files_and_threads()
    assert after[0] <= before[0] + 4  # a connection may be half open at either moment
    assert after[1] <= before[1] + 4


def wait_for_frames(capture: Capture, count: int) -> None:
    for _ in range(count):
        wait_until(lambda: capture.next(0.1) is not None)


def test_wall_clock_is_ignored(camera, monkeypatch: pytest.MonkeyPatch) -> None:
    with Capture(open_source(camera.url("steady")), stall_s=5) as capture:
        wait_for_frames(capture, 1)
        monkeypatch.setattr(time, "time", lambda: 0.0)
        wait_for_frames(capture, 2)
        monkeypatch.setattr(time, "time", lambda: 1e12)
        wait_for_frames(capture, 2)
        assert capture.restarts == 0
