"""Tests many and slow viewers (FAULTS W4): one encoding per frame, a limit, newest frames."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.monitor.live_page.checked_handler import MAX_VIEWERS
from runtime.monitor.live_page.frame_broker import encode
from runtime.monitor.live_page.live_page import LivePage
from runtime.monitor.live_page.page_update import PageUpdate

STREAM = b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def test_nothing_is_encoded_without_viewers(live: LivePage, feeding, get, eventually) -> None:
    with feeding(live) as shown:
        assert (
            get(live, "/health").status
            == get(live, "/state").status
            == get(live, "/").status
            == 200
        )
        eventually(lambda: shown[0] > 50, True)
        assert live.encoded == 0
        assert get(live, "/frame.jpg").status == 200
        assert live.encoded == 1


def test_each_frame_is_encoded_once_for_all_viewers(
    live: LivePage, frame: Callable[..., PageUpdate], raw
) -> None:
    live.show(frame(10))
    viewers = [raw(live, STREAM) for _ in range(30)]
    received = [b""] * len(viewers)

    def all_have(images: int) -> None:
        for index, connection in enumerate(viewers):
            while received[index].count(b"Content-Type: image/jpeg") < images:
                received[index] += connection.recv(65536)

    for number in range(1, 6):
        all_have(number)
        assert live.encoded == number
        live.show(frame(10 + 40 * number))
    assert len({re.sub(rb"Date: .*", b"", response) for response in received}) == 1


def test_slow_viewers_cost_no_encoding_and_bounded_memory(
    live: LivePage, feeding, raw, get, eventually
) -> None:
    def encoded_during_30_frames() -> int:
        before, frames = live.encoded, shown[0]
        eventually(lambda: shown[0] >= frames + 30, True)
        return live.encoded - before

    with feeding(live, side=800) as shown:
        eventually(lambda: get(live, "/frame.jpg").status, 200)
        memory = memory_mb()
        for _ in range(50):
            raw(live, STREAM, 4096)
        eventually(lambda: get(live, "/health").json()["viewers"], 50)
        eventually(encoded_during_30_frames, 0)
        assert memory_mb() - memory < 100
        assert get(live, "/health").json()["viewers"] == 50, (
            "all of them are still receiving an old image"
        )


def test_slow_viewer_gets_the_newest_image_but_not_all(
    live: LivePage, frame: Callable[..., PageUpdate], raw
) -> None:
    live.show(frame(None, side=800))
    slow = raw(live, STREAM, 4096)
    for _ in range(40):
        live.show(frame(None, side=800))
        time.sleep(0.02)
    newest = frame(77)
    live.show(newest)
    received, header = b"", b"Content-Length: %d\r\n" % len(encode(newest.image))
    while header not in received[-2000:]:
        received += slow.recv(262_144)
    assert received.count(b"Content-Type: image/jpeg") < 10


@pytest.mark.parametrize("path", ["/stream", "/latest", "/frame.jpg"])
def test_viewer_above_the_limit_gets_503(
    live: LivePage, frame: Callable[..., PageUpdate], raw, get, eventually, path: str
) -> None:
    live.show(frame())
    viewers = [raw(live, STREAM) for _ in range(MAX_VIEWERS)]
    eventually(lambda: get(live, "/health").json()["viewers"], MAX_VIEWERS)
    answer = get(live, path)
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert get(live, "/").status == get(live, "/state").status == 200
    viewers[0].close()
    eventually(lambda: get(live, "/frame.jpg").status, 200)


def test_viewer_that_does_not_read_is_disconnected(
    monkeypatch: pytest.MonkeyPatch, live: LivePage, feeding, raw, get, eventually
) -> None:
    monkeypatch.setattr("runtime.monitor.live_page.checked_handler.SEND_TIMEOUT_S", 0.5)
    with feeding(live, side=800):
        for path in (b"/stream", b"/frame.jpg"):
            raw(live, (b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path) * 5, 4096)
        time.sleep(1)
        eventually(lambda: get(live, "/health").json()["viewers"], 0)


def test_viewer_that_disconnects_between_frames_is_noticed(
    live: LivePage, frame: Callable[..., PageUpdate], raw, get, eventually
) -> None:
    live.show(frame())
    viewer = raw(live, STREAM)
    eventually(lambda: get(live, "/health").json()["viewers"], 1)
    viewer.close()
    eventually(lambda: get(live, "/health").json()["viewers"], 0)
