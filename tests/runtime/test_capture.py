"""runtime.capture: newest frame wins, a lost source comes back, nothing blocks, nothing grows (FAULTS R11-R13, R17, R18, R27)."""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from PIL import Image

from runtime.capture import Capture, Ended
from runtime.errors import InputRefused, MachineError, PictureRefused
from runtime.sources import Frame, Frames, Kind, Source, open_source

PATIENCE_S = 20


def source(frames: Callable[[str], Frames], live: bool = True) -> Source:
    return Source("test", "", Kind(SimpleNamespace(load=lambda: frames), "live frames" if live else "frames"))  # type: ignore[arg-type]


def frame(number: int) -> Frame:
    return Frame(str(number), Image.new("L", (1, 1), number % 256), time.monotonic())


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until, "never came"
        time.sleep(0.005)


def take(capture: Capture, count: int) -> list[Frame]:
    found: list[Frame] = []
    until = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert time.monotonic() < until, found
        if one := capture.next(0.1):
            found.append(one)
    return found


# live: the newest wins


def test_newest_frame_wins_and_the_others_are_counted() -> None:
    sent, gate = [], threading.Event()

    def frames(_: str) -> Frames:
        for number in range(100):
            sent.append(frame(number))
            yield sent[-1]
        gate.wait(PATIENCE_S)

    with Capture(source(frames)) as capture:
        wait_until(lambda: len(sent) == 100 and capture.dropped == 99)
        (newest,) = take(capture, 1)
        assert newest.image.getpixel((0, 0)) == 99
        assert newest.taken == capture.last_taken == sent[-1].taken
        assert newest.name == "test #100"
        assert capture.next(0.05) is None  # a frame is given once
        gate.set()


def test_frame_that_waited_while_the_source_was_lost_is_not_given_as_fresh() -> None:
    def frames(_: str) -> Frames:
        yield frame(1)

    lines: list[str] = []
    with Capture(source(frames), backoff_s=(3600,), say=lines.append) as capture:
        wait_until(lambda: capture.state == "lost")
        assert capture.next(0.05) is None
        assert capture.dropped == 1
        assert lines == ["test: lost: it ended; trying again"]


# live: lost and back


def test_loss_and_return_are_one_line_each_and_the_waits_double(camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.capture.STEADY_S", 1000)
    lines: list[str] = []
    with Capture(open_source(camera.url("flap")), backoff_s=(0.01, 0.02, 3600), say=lines.append) as capture:
        take(capture, 3)
        wait_until(lambda: capture.state == "lost" and len(lines) == 5)
        assert capture.restarts == 2
        assert camera.connections == 3
    url = camera.url("flap")
    assert lines == [f"{url}: lost: it ended; trying again", f"{url}: back after 0 s"] * 2 + [f"{url}: lost: it ended; trying again"]


def test_connection_that_held_is_forgiven_the_failures_before_it(camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.capture.STEADY_S", 0.01)  # "drop" gives five frames, 20 ms apart
    with Capture(open_source(camera.url("drop")), backoff_s=(0.01, 3600), say=lambda line: None) as capture:
        wait_until(lambda: capture.restarts >= 3)


def test_camera_that_was_switched_off_and_on_comes_back_in_the_same_capture(mjpeg) -> None:
    lines: list[str] = []
    with mjpeg.Camera() as first:
        url, port = first.url("steady"), first.port
        capture = Capture(open_source(url), backoff_s=(0.05,), say=lines.append)
        capture.__enter__()
        before = take(capture, 2)[-1]
    wait_until(lambda: capture.state == "lost")
    assert capture.next(0.2) is None
    with mjpeg.Camera(port):
        after = take(capture, 2)[0]
        assert after.taken > before.taken
        assert (capture.state, capture.restarts) == ("running", 1)
        capture.__exit__(None, None, None)
    assert len(lines) == 2


def test_stalled_stream_is_opened_again(camera) -> None:
    lines: list[str] = []
    with Capture(open_source(camera.url("stall")), stall_s=0.5, backoff_s=(0.01,), say=lines.append) as capture:
        take(capture, 3)
        wait_until(lambda: capture.restarts == 1)
    assert lines[0].endswith("lost: no frame for 0.5 s; trying again")


def test_reader_stuck_in_a_driver_is_given_up_and_what_it_gives_later_is_ignored() -> None:
    release, late, end, calls = threading.Event(), threading.Event(), threading.Event(), []

    def frames(_: str) -> Frames:
        calls.append(None)
        if len(calls) > 1:
            yield frame(2)
            end.wait(PATIENCE_S)
            return
        yield frame(1)
        release.wait(PATIENCE_S)
        try:
            yield frame(66)
        finally:
            late.set()

    with Capture(source(frames), stall_s=1, backoff_s=(0.01, 3600), say=lambda line: None) as capture:
        wait_until(lambda: capture.restarts == 1)
        assert [one.image.getpixel((0, 0)) for one in take(capture, 1)] == [2]
        release.set()
        assert late.wait(PATIENCE_S)
        assert capture.next(0.1) is None
        end.set()


def test_broken_frames_are_counted_and_the_stream_goes_on(camera) -> None:
    with Capture(open_source(camera.url("corrupt"))) as capture:
        take(capture, 10)
        wait_until(lambda: bool(capture.next(0.01)) and capture.refused > 0)
        assert capture.restarts == 0


@pytest.mark.parametrize("mode", ["biglen", "html", "401"])
def test_what_is_no_stream_is_an_error_at_first(camera, mode: str) -> None:
    with Capture(open_source(camera.url(mode))) as capture, pytest.raises((MachineError, InputRefused)):
        take(capture, 1)
    assert camera.connections == 1


def test_whatever_comes_in_place_of_a_lost_stream_it_is_tried_again() -> None:
    answers = iter([frame(1), InputRefused("test", "found text/html"), MachineError("test", "answers 401"), frame(2)])

    def frames(_: str) -> Frames:
        answer = next(answers)
        if not isinstance(answer, Frame):
            raise answer
        yield answer

    lines: list[str] = []
    with Capture(source(frames), backoff_s=(0.01, 0.01, 0.01, 3600), say=lines.append) as capture:
        wait_until(lambda: capture.restarts == 1)
    assert lines[:2] == ["test: lost: it ended; trying again", "test: back after 0 s"]


def test_busy_server_is_asked_again_even_at_first(camera) -> None:
    lines: list[str] = []
    with Capture(open_source(camera.url("503_then_ok")), backoff_s=(0.01,), say=lines.append) as capture:
        take(capture, 1)
        assert (capture.restarts, camera.connections) == (0, 3)
    url = camera.url("503_then_ok")
    assert lines == [f"{url}: answers 503 Service Unavailable; trying again", f"{url}: there after 0 s"]


def test_camera_that_is_not_there_yet_is_waited_for_where_that_is_asked(mjpeg) -> None:
    with mjpeg.Camera() as camera:
        url, port = camera.url("steady"), camera.port
    with Capture(open_source(url)) as capture, pytest.raises(MachineError, match="refused"):
        take(capture, 1)
    with Capture(open_source(url), wait=True, backoff_s=(0.05,), say=lambda line: None) as capture:
        assert capture.next(0.3) is None
        assert capture.state == "waiting"
        with mjpeg.Camera(port):
            take(capture, 1)
            assert (capture.state, capture.restarts) == ("running", 0)


def test_bug_in_a_source_is_no_loss_but_shown() -> None:
    def frames(_: str) -> Frames:
        yield frame(1)
        raise ZeroDivisionError

    with Capture(source(frames)) as capture, pytest.raises(ZeroDivisionError):
        take(capture, 2)


# finite: every frame counts


def test_every_frame_of_a_finite_source_is_given_in_order_and_none_is_read_far_ahead() -> None:
    read = []

    def frames(_: str) -> Frames:
        for number in range(50):
            read.append(number)
            yield frame(number) if number % 10 else PictureRefused(str(number), "broken")

    lines: list[str] = []
    with Capture(source(frames, live=False), say=lines.append) as capture:
        time.sleep(0.1)
        assert len(read) <= 4
        assert [one.name for one in take(capture, 45)] == [str(number) for number in range(50) if number % 10]
        with pytest.raises(Ended):
            capture.next(5)
        with pytest.raises(Ended):
            capture.next(5)
    assert (capture.refused, capture.dropped) == (5, 0)
    assert lines[0] == "0: broken"
