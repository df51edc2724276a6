"""runtime.capture within a process: it ends at once, leaves nothing behind, and does not ask the wall clock (FAULTS R17, R18, R27)."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from runtime.capture import Capture
from runtime.sources import Frame, Kind, Source, open_source

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until, "never came"
        time.sleep(0.005)


def test_capture_is_left_within_two_seconds_though_its_source_is_stuck() -> None:
    asked, free = threading.Event(), threading.Event()

    def frames(_: str) -> Iterator[Frame]:
        asked.set()
        free.wait(3600)
        yield from ()

    source = Source("stuck", "", Kind(SimpleNamespace(load=lambda: frames), "live frames"))  # type: ignore[arg-type]
    with Capture(source):
        assert asked.wait(PATIENCE_S)
        began = time.monotonic()
    assert time.monotonic() - began < 6  # two, and what a loaded machine adds
    free.set()


@pytest.mark.parametrize("where", ["a blocked read", "the wait to try again"])
def test_process_ends_within_two_seconds_of_a_signal(camera, where: str) -> None:
    url = camera.url("stall" if where == "a blocked read" else "flap")
    code = f"""
import signal, sys
from runtime.capture import Capture
from runtime.sources import open_source
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
with Capture(open_source({url!r}), backoff_s=(3600,)) as capture:
    while capture.state != {"running" if where == "a blocked read" else "lost"!r}:
        capture.next(0.1)
    print("ready", flush=True)
    while True:
        capture.next(3600)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        assert process.stdout.readline() == b"ready\n"
        began = time.monotonic()
        process.terminate()
        assert process.wait(10) == 143
        assert time.monotonic() - began < 6  # two, and what a loaded machine adds; a read would block for ten
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_reconnecting_leaves_no_files_and_threads_behind(camera) -> None:
    def kept() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    with Capture(open_source(camera.url("flap")), backoff_s=(0,), say=lambda line: None) as capture:
        wait_until(lambda: capture.restarts >= 10)
        before = kept()
        wait_until(lambda: capture.restarts >= 200)
        after = kept()
    assert after[0] <= before[0] + 4  # a connection may be half open at either moment
    assert after[1] <= before[1] + 4


def given(capture: Capture, count: int) -> None:
    for _ in range(count):
        wait_until(lambda: capture.next(0.1) is not None)


def test_wall_clock_is_not_asked(camera, monkeypatch: pytest.MonkeyPatch) -> None:
    with Capture(open_source(camera.url("steady")), stall_s=5) as capture:
        given(capture, 1)
        monkeypatch.setattr(time, "time", lambda: 0.0)
        given(capture, 2)
        monkeypatch.setattr(time, "time", lambda: 1e12)
        given(capture, 2)
        assert capture.restarts == 0
