"""Many and slow viewers (FAULTS W4): one encode a frame, none while nobody looks, a cap, and the newest frame for each."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.live import Live, Shown
from runtime.live.board import encode
from runtime.live.routes import MAX_VIEWERS

STREAM = b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def test_nothing_is_encoded_while_nobody_looks(live: Live, feeding, get, eventually) -> None:
    with feeding(live) as shown:
        assert get(live, "/health").status == get(live, "/state").status == get(live, "/").status == 200
        eventually(lambda: shown[0] > 50, True)
        assert live.encoded == 0
        assert get(live, "/frame.jpg").status == 200
        assert live.encoded == 1


def test_one_encode_a_frame_for_all_viewers(live: Live, frame: Callable[..., Shown], raw) -> None:
    live.show(frame(10))
    viewers = [raw(live, STREAM) for _ in range(30)]
    received = [b""] * len(viewers)

    def all_have(pictures: int) -> None:
        for index, connection in enumerate(viewers):
            while received[index].count(b"Content-Type: image/jpeg") < pictures:
                received[index] += connection.recv(65536)

    for number in range(1, 6):
        all_have(number)
        assert live.encoded == number
        live.show(frame(10 + 40 * number))
    assert len({re.sub(rb"Date: .*", b"", one) for one in received}) == 1


def test_slow_viewers_cost_no_encoding_and_bounded_memory(live: Live, feeding, raw, get, eventually) -> None:
    def encoded_in_half_a_second() -> int:
        before, frames = live.encoded, shown[0]
        time.sleep(0.5)
        assert shown[0] > frames
        return live.encoded - before

    with feeding(live, side=800) as shown:
        eventually(lambda: get(live, "/frame.jpg").status, 200)
        memory = memory_mb()
        for _ in range(50):
            raw(live, STREAM, 4096)
        eventually(lambda: get(live, "/health").json()["viewers"], 50)
        eventually(encoded_in_half_a_second, 0)
        assert memory_mb() - memory < 100
        assert get(live, "/health").json()["viewers"] == 50, "they were not let go: all of them are busy with an old picture"


def test_a_slow_viewer_gets_the_newest_picture_not_all(live: Live, frame: Callable[..., Shown], raw) -> None:
    live.show(frame(None, side=800))
    slow = raw(live, STREAM, 4096)
    for _ in range(40):
        live.show(frame(None, side=800))
        time.sleep(0.02)
    newest = frame(77)
    live.show(newest)
    received, sign = b"", b"Content-Length: %d\r\n" % len(encode(newest.image))
    while sign not in received[-2000:]:
        received += slow.recv(262_144)
    assert received.count(b"Content-Type: image/jpeg") < 10


@pytest.mark.parametrize("path", ["/stream", "/latest", "/frame.jpg"])
def test_one_viewer_too_many_is_503(live: Live, frame: Callable[..., Shown], raw, get, eventually, path: str) -> None:
    live.show(frame())
    viewers = [raw(live, STREAM) for _ in range(MAX_VIEWERS)]
    eventually(lambda: get(live, "/health").json()["viewers"], MAX_VIEWERS)
    answer = get(live, path)
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert get(live, "/").status == get(live, "/state").status == 200
    viewers[0].close()
    eventually(lambda: get(live, "/frame.jpg").status, 200)


def test_a_viewer_that_takes_nothing_for_long_is_let_go(monkeypatch: pytest.MonkeyPatch, live: Live, feeding, raw, get, eventually) -> None:
    monkeypatch.setattr("runtime.live.routes.SEND_LIMIT_S", 0.5)
    with feeding(live, side=800):
        for path in (b"/stream", b"/frame.jpg"):
            raw(live, (b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path) * 5, 4096)
        time.sleep(1)
        eventually(lambda: get(live, "/health").json()["viewers"], 0)


def test_a_viewer_that_goes_while_no_frame_comes_is_noticed(live: Live, frame: Callable[..., Shown], raw, get, eventually) -> None:
    live.show(frame())
    viewer = raw(live, STREAM)
    eventually(lambda: get(live, "/health").json()["viewers"], 1)
    viewer.close()
    eventually(lambda: get(live, "/health").json()["viewers"], 0)
