"""Tests the limits of connections and requests, and that all is freed (FAULTS W3, W5, W6)."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from runtime.monitor.live_page.connection_limits import MAX_CONNECTIONS
from runtime.monitor.live_page.live_page import LivePage
from runtime.monitor.live_page.page_update import PageUpdate

RESET = struct.pack("ii", 1, 0)


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def answer(connection: socket.socket) -> bytes:
    """Returns everything that arrives until the other end closes."""
    received = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


def test_slow_headers_neither_block_nor_stay(
    monkeypatch: pytest.MonkeyPatch, raw, get, held, released
) -> None:
    monkeypatch.setattr("runtime.monitor.live_page.connection_limits.REQUEST_LIMIT_S", 1)
    with LivePage(port=0) as live:
        start = held()
        slow = [raw(live, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ") for _ in range(200)]
        for connection in slow:
            connection.sendall(b"a")
        assert get(live, "/health").json()["status"] == "ok"
        for connection in slow:
            connection.settimeout(20)
            assert answer(connection) == b"", "it is closed although bytes still arrived"
            connection.close()
        released(start)


def test_connection_above_the_limit_replaces_the_one_that_waited_longest(
    live: LivePage, raw, get
) -> None:
    crowd = [raw(live, b"G") for _ in range(MAX_CONNECTIONS + 60)]
    assert get(live, "/health").json()["status"] == "ok"
    assert answer(crowd[0]) == b""
    crowd[-1].sendall(b"ET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b'"ok"' in answer(crowd[-1])


def test_connection_that_is_being_answered_is_not_replaced(
    live: LivePage, frame: Callable[..., PageUpdate], raw
) -> None:
    live.show(frame(10))
    stream = raw(live, b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    received = stream.recv(65536)
    for _ in range(MAX_CONNECTIONS + 10):
        raw(live, b"G")
    live.show(frame(200))
    while received.count(b"Content-Type: image/jpeg") < 2:
        part = stream.recv(65536)
        assert part, "closed"
        received += part


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000, b"431"),
        (b"\x00" * 3_000_000, b"431"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n", b"431"),
        (b"GET /\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", b"400"),
        (b"GET / \x00HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", b"40"),
        (b"GET / HTTP/1.1\r\n\r\n", b"40"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", b"400"),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
            b"400",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
        ),
    ],
    ids=lambda value: value[:30].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_invalid_request_is_answered_4xx_and_closed(
    live: LivePage, raw, get, held, request_: bytes, status: bytes, released
) -> None:
    start, memory = held(), memory_mb()
    connection = raw(live)
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(request_)
    assert answer(connection).startswith(b"HTTP/1.1 " + status)
    connection.close()
    assert memory_mb() - memory < 20
    assert get(live, "/health").status == 200
    released(start)


def test_a_hundred_megabytes_of_zeros_leave_no_trace(
    live: LivePage, raw, get, held, released
) -> None:
    start, memory = held(), memory_mb()
    connection = raw(live)
    with suppress(OSError):
        for _ in range(100):
            connection.sendall(bytes(1_000_000))
    connection.close()
    assert memory_mb() - memory < 20
    assert get(live, "/health").status == 200
    released(start)


def test_pipelined_requests_are_answered_in_order(live: LivePage, raw) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    received = answer(
        raw(live, request * 50 + b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    )
    assert received.count(b"HTTP/1.1 200 OK") == 50
    assert received.index(b"404 Not Found") > received.rindex(b"200 OK")


def test_a_thousand_viewers_that_die_leave_nothing(
    live: LivePage, feeding, raw, get, held, eventually, capfd: pytest.CaptureFixture[str], released
) -> None:
    with feeding(live):
        eventually(lambda: get(live, "/frame.jpg").status, 200)
        time.sleep(0.2)
        start = held()
        for path in (b"/stream", b"/latest", b"/latest?after=99999999", b"/frame.jpg") * 5:
            dying = [
                raw(live, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path) for _ in range(50)
            ]
            for number, connection in enumerate(dying):
                if number % 3:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                if number % 2:
                    connection.recv(2000)
                connection.close()
        released(start)
    assert capfd.readouterr() == ("", "")


def test_closing_is_quick_with_viewers_connected(
    frame: Callable[..., PageUpdate], feeding, raw, held, released
) -> None:
    start = held()
    with LivePage(port=0) as live, feeding(live, side=600):
        viewers = [
            raw(live, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
            for path in (b"/stream", b"/latest") * 20
        ]
        for connection in viewers[::4]:
            connection.recv(1000)
        before = time.monotonic()
    assert time.monotonic() - before < 5  # 2 s, and more on a loaded machine
    for connection in viewers:
        connection.close()
    released(start)
    assert "live" not in {thread.name for thread in threading.enumerate()}
    live.show(frame())
    live.report_state("lost")
