"""Tests that the newest frame wins, a lost source returns, and nothing blocks.

FAULTS R11-R13, R17, R18, R27.
"""

import re
import threading
import time
from collections.abc import Callable
from io import BytesIO
from types import SimpleNamespace

import pytest
from PIL import Image

from runtime.errors import ImageRefused, InputRefused, MachineError
from runtime.images.decoding import open_image
from runtime.monitor.capture import Capture, EndOfStream, wait_for_arrival
from runtime.sources.base import Frame, Frames, Source, SourceType, open_source

TIMEOUT_S = 20


@pytest.fixture
def camera_frame() -> bytes:
    content = BytesIO()
    Image.new("RGB", (32, 32), "red").save(content, "JPEG")
    return content.getvalue()


def source(frames: Callable[[str], Frames], live: bool = True) -> Source:
    opener = SimpleNamespace(load=lambda: frames)
    source_type = SourceType(opener, "live frames" if live else "frames")  # type: ignore[arg-type]
    return Source("test", "", source_type)


def frame(number: int) -> Frame:
    return Frame(str(number), Image.new("L", (1, 1), number % 256), time.monotonic())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "condition was never true"
        time.sleep(0.005)


def read_frames(capture: Capture, count: int) -> list[Frame]:
    frames: list[Frame] = []
    deadline = time.monotonic() + TIMEOUT_S
    while len(frames) < count:
        assert time.monotonic() < deadline, frames
        arrival = capture.next(0.1)
        if arrival:
            frames.append(arrival)
    return frames


def pixel(capture: Capture) -> int:
    (arrival,) = read_frames(capture, 1)
    return arrival.image.getpixel((0, 0))


def without_seconds(lines: list[str]) -> list[str]:
    return [re.sub(r" after \d+ s$", "", line) for line in lines]


def test_remark_is_reported_once_of_a_live_source_and_for_each_file(camera_frame: bytes) -> None:
    for live, times in ((True, 1), (False, 3)):

        def frames(_: str) -> Frames:
            for number in range(3):
                yield Frame(str(number), open_image(camera_frame[:-2], ""), time.monotonic())

        lines: list[str] = []
        with Capture(source(frames, live), report=lines.append) as capture:
            if live:
                read_frames(capture, 1)
            else:
                read_frames(capture, 3)
        assert len([line for line in lines if "lacks the JPEG end marker" in line]) == times


# live sources: the newest frame wins


def test_newest_frame_wins_and_the_others_are_counted() -> None:
    sent, gate = [], threading.Event()

    def frames(_: str) -> Frames:
        for number in range(100):
            sent.append(frame(number))
            yield sent[-1]
        gate.wait(TIMEOUT_S)

    with Capture(source(frames)) as capture:
        wait_until(lambda: len(sent) == 100 and capture.dropped == 99)
        (newest,) = read_frames(capture, 1)
        assert newest.image.getpixel((0, 0)) == 99
        assert newest.arrived_s == capture.last_arrived_s == sent[-1].arrived_s
        assert newest.name == "test #100"
        assert capture.next(0.05) is None  # a frame is returned once
        gate.set()


def test_frame_from_before_a_loss_is_not_returned_after_it() -> None:
    def frames(_: str) -> Frames:
        yield frame(1)

    lines: list[str] = []
    with Capture(source(frames), backoff_s=(3600,), report=lines.append) as capture:
        wait_until(lambda: capture.state == "lost")
        assert capture.next(0.05) is None
        assert capture.dropped == 1
        assert lines == ["test: lost: it ended; trying again"]


# live sources: loss and return


def test_loss_and_return_are_one_line_each_and_the_waits_double(
    camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.monitor.capture.STEADY_S", 1000)
    lines: list[str] = []
    with Capture(
        open_source(camera.url("flap")), backoff_s=(0.01, 0.02, 3600), report=lines.append
    ) as capture:
        read_frames(capture, 3)
        wait_until(lambda: capture.state == "lost" and len(lines) == 5)
        assert capture.restarts == 2
        assert camera.connections == 3
    url = camera.url("flap")
    loss, back = f"{url}: lost: it ended; trying again", f"{url}: back"
    assert without_seconds(lines) == [loss, back, loss, back, loss]


def test_steady_connection_resets_the_backoff(camera, monkeypatch: pytest.MonkeyPatch) -> None:
    # "drop" sends five frames, 20 ms apart.
    monkeypatch.setattr("runtime.monitor.capture.STEADY_S", 0.01)
    with Capture(
        open_source(camera.url("drop")), backoff_s=(0.01, 3600), report=lambda line: None
    ) as capture:
        wait_until(lambda: capture.restarts >= 3)


def test_camera_that_was_switched_off_and_on_returns_in_the_same_capture(mjpeg) -> None:
    lines: list[str] = []
    with mjpeg.Camera() as first:
        url, port = first.url("steady"), first.port
        capture = Capture(open_source(url), backoff_s=(0.05,), report=lines.append)
        capture.__enter__()
        before = read_frames(capture, 2)[-1]
    wait_until(lambda: capture.state == "lost")
    assert capture.next(0.2) is None
    with mjpeg.Camera(port):
        after = read_frames(capture, 2)[0]
        assert after.arrived_s > before.arrived_s
        assert (capture.state, capture.restarts) == ("running", 1)
        capture.__exit__(None, None, None)
    assert len(lines) == 2


def test_a_camera_of_broken_images_is_refused_with_their_fault() -> None:
    def broken(address: str) -> Frames:
        while True:
            yield ImageRefused("test", "broken (image file is truncated)")
            time.sleep(0.01)

    with (
        Capture(source(broken), stall_s=0.2) as capture,
        pytest.raises(MachineError, match=r"no frame for 0\.2 s; its last image was refused: brok"),
    ):
        capture.next(TIMEOUT_S)


def test_stalled_stream_is_opened_again(camera) -> None:
    lines: list[str] = []
    with Capture(
        open_source(camera.url("stall")), stall_s=2, backoff_s=(0.01,), report=lines.append
    ) as capture:
        read_frames(capture, 3)
        wait_until(lambda: capture.restarts >= 1)
    assert lines[0].endswith("lost: no frame for 2 s; trying again")


def test_reader_stuck_in_a_driver_is_abandoned_and_its_later_frames_are_ignored() -> None:
    release, late, end, calls = threading.Event(), threading.Event(), threading.Event(), []

    def frames(_: str) -> Frames:
        calls.append(None)
        if len(calls) > 1:
            while not end.wait(0.05):
                yield frame(2)
            return
        yield frame(1)
        release.wait(TIMEOUT_S)
        try:
            yield frame(66)
        finally:
            late.set()

    with Capture(
        source(frames), stall_s=1, backoff_s=(0.01, 3600), report=lambda line: None
    ) as capture:
        wait_until(lambda: capture.restarts == 1)
        wait_until(lambda: pixel(capture) == 2)
        release.set()
        assert late.wait(TIMEOUT_S)
        assert [pixel(capture) for _ in range(3)] == [2, 2, 2]
        end.set()


def test_broken_frames_are_counted_and_the_stream_continues(camera) -> None:
    with Capture(open_source(camera.url("corrupt"))) as capture:
        read_frames(capture, 10)
        wait_until(lambda: bool(capture.next(0.01)) and capture.refused > 0)
        assert capture.restarts == 0


@pytest.mark.parametrize("mode", ["biglen", "html", "401"])
def test_response_that_is_not_a_stream_is_an_error_at_first(camera, mode: str) -> None:
    with (
        Capture(open_source(camera.url(mode))) as capture,
        pytest.raises((MachineError, InputRefused)),
    ):
        read_frames(capture, 1)
    assert camera.connections == 1


def test_lost_stream_is_tried_again_after_every_kind_of_answer() -> None:
    answers = iter(
        [
            frame(1),
            InputRefused("test", "found text/html"),
            MachineError("test", "answers 401"),
            frame(2),
        ]
    )

    def frames(_: str) -> Frames:
        answer = next(answers)
        if not isinstance(answer, Frame):
            raise answer
        yield answer

    lines: list[str] = []
    with Capture(
        source(frames), backoff_s=(0.01, 0.01, 0.01, 3600), report=lines.append
    ) as capture:
        wait_until(lambda: capture.restarts == 1)
    assert without_seconds(lines)[:2] == ["test: lost: it ended; trying again", "test: back"]


def test_busy_server_is_tried_again_even_at_first(camera) -> None:
    lines: list[str] = []
    with Capture(
        open_source(camera.url("503_then_ok")), backoff_s=(0.01,), report=lines.append
    ) as capture:
        read_frames(capture, 1)
        assert (capture.restarts, camera.connections) == (0, 3)
    url = camera.url("503_then_ok")
    assert without_seconds(lines) == [
        f"{url}: answers 503 Service Unavailable; trying again",
        f"{url}: available",
    ]


def test_wait_waits_for_a_camera_that_is_not_available_yet(mjpeg) -> None:
    with mjpeg.Camera() as camera:
        url, port = camera.url("steady"), camera.port
    with Capture(open_source(url)) as capture, pytest.raises(MachineError, match="refused"):
        read_frames(capture, 1)
    with Capture(
        open_source(url), wait=True, backoff_s=(0.05,), report=lambda line: None
    ) as capture:
        assert capture.next(0.3) is None
        assert capture.state == "waiting"
        with mjpeg.Camera(port):
            read_frames(capture, 1)
            assert (capture.state, capture.restarts) == ("running", 0)


def test_bug_in_a_source_is_raised_and_is_not_a_loss() -> None:
    def frames(_: str) -> Frames:
        yield frame(1)
        raise ZeroDivisionError

    with Capture(source(frames)) as capture, pytest.raises(ZeroDivisionError):
        read_frames(capture, 2)


# finite sources: every frame counts


def test_every_frame_of_a_finite_source_is_returned_in_order_and_few_are_read_ahead() -> None:
    read = []

    def frames(_: str) -> Frames:
        for number in range(50):
            read.append(number)
            yield frame(number) if number % 10 else ImageRefused(str(number), "broken")

    lines: list[str] = []
    with Capture(source(frames, live=False), report=lines.append) as capture:
        time.sleep(0.1)
        assert len(read) <= 4
        assert [arrival.name for arrival in read_frames(capture, 45)] == [
            str(number) for number in range(50) if number % 10
        ]
        with pytest.raises(EndOfStream):
            capture.next(5)
        with pytest.raises(EndOfStream):
            capture.next(5)
    assert (capture.refused, capture.dropped) == (5, 0)
    assert lines[0] == "0: broken"


def test_noise_on_the_first_connections_does_not_end_a_stream(camera) -> None:
    lines: list[str] = []
    source = open_source(camera.url("noise_then_ok"))
    with Capture(source, backoff_s=(0.01,), report=lines.append) as capture:
        assert len(read_frames(capture, 3)) == 3
    assert "found no delimiter between parts" in lines[0]
    assert "trying again" in lines[0]
    assert "available after" in lines[1]


def test_interval_of_single_images_counts_as_no_loss(camera) -> None:
    assert Capture(open_source(camera.url("snapshot"), 60.0))._stall_s == 70.0
    assert Capture(open_source(camera.url("snapshot")))._stall_s == 10.0


def test_wait_ends_with_the_first_arrival_of_any_source() -> None:
    given, ended = threading.Event(), threading.Event()

    def silent(_: str) -> Frames:
        ended.wait(TIMEOUT_S)
        yield from ()

    def late(_: str) -> Frames:
        given.wait(TIMEOUT_S)
        yield frame(7)
        ended.wait(TIMEOUT_S)

    changed = threading.Condition()
    with (
        Capture(source(silent), changed=changed) as first,
        Capture(source(late), changed=changed) as second,
    ):
        wait_for_arrival([first, second], 0.01)
        assert (first.is_ready, second.is_ready) == (False, False)
        start = time.monotonic()
        given.set()
        wait_for_arrival([first, second], 10 * TIMEOUT_S)
        assert time.monotonic() - start < TIMEOUT_S
        assert (first.is_ready, second.is_ready) == (False, True)
        ended.set()


def test_frame_that_is_not_wanted_stays_undecoded_and_keeps_the_source_alive(
    camera_frame: bytes,
) -> None:
    images = [open_image(camera_frame, str(number)) for number in range(3)]

    def frames(_: str) -> Frames:
        for number, image in enumerate(images):
            yield Frame(str(number), image, float(number))

    def wanted(arrival: Frame) -> bool:
        if arrival.name == "1":
            raise ImageRefused("1", "broken")
        return arrival.name == "2"

    with Capture(source(frames, live=False), report=lambda line: None) as capture:
        assert capture.next(TIMEOUT_S, wanted) is None
        assert (capture.last_arrived_s, capture.skipped) == (0.0, 1)
        assert capture.next(TIMEOUT_S, wanted).name == "2"
        assert (capture.refused, capture.skipped) == (1, 1)
    assert [bool(image.tile) for image in images] == [True, True, False]
