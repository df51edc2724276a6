"""What a client may hold or send (FAULTS W3, W5, W6), and that everything is given back."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from runtime.live import Live, Shown
from runtime.live.limits import MAX_CONNECTIONS

RESET = struct.pack("ii", 1, 0)


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def answer(connection: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    received = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


def test_slow_headers_neither_block_nor_stay(monkeypatch: pytest.MonkeyPatch, raw, get, held, released) -> None:
    monkeypatch.setattr("runtime.live.limits.HEADER_LIMIT_S", 1)
    with Live(port=0) as live:
        start = held()
        slow = [raw(live, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ") for _ in range(200)]
        for connection in slow:
            connection.sendall(b"a")
        assert get(live, "/health").json()["status"] == "ok"
        for connection in slow:
            connection.settimeout(20)
            assert answer(connection) == b"", "closed, though a byte came now and then"
            connection.close()
        released(start)


def test_beyond_the_limit_who_waits_longest_makes_room(live: Live, raw, get) -> None:
    crowd = [raw(live, b"G") for _ in range(MAX_CONNECTIONS + 60)]
    assert get(live, "/health").json()["status"] == "ok"
    assert answer(crowd[0]) == b""
    crowd[-1].sendall(b"ET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b'"ok"' in answer(crowd[-1])


def test_a_connection_at_work_is_not_the_one_to_go(live: Live, frame: Callable[..., Shown], raw) -> None:
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
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
    ],
    ids=lambda value: value[:30].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_what_is_no_request_is_answered_4xx_and_closed(live: Live, raw, get, held, request_: bytes, status: bytes, released) -> None:
    start, memory = held(), memory_mb()
    connection = raw(live)
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(request_)
    assert answer(connection).startswith(b"HTTP/1.1 " + status)
    connection.close()
    assert memory_mb() - memory < 20
    assert get(live, "/health").status == 200
    released(start)


def test_a_hundred_megabytes_of_nothing_leave_no_trace(live: Live, raw, get, held, released) -> None:
    start, memory = held(), memory_mb()
    connection = raw(live)
    with suppress(OSError):
        for _ in range(100):
            connection.sendall(bytes(1_000_000))
    connection.close()
    assert memory_mb() - memory < 20
    assert get(live, "/health").status == 200
    released(start)


def test_pipelined_requests_are_answered_in_order(live: Live, raw) -> None:
    one = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    received = answer(raw(live, one * 50 + b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    assert received.count(b"HTTP/1.1 200 OK") == 50
    assert received.index(b"404 Not Found") > received.rindex(b"200 OK")


def test_a_thousand_viewers_that_die_leave_nothing(
    live: Live, feeding, raw, get, held, eventually, capfd: pytest.CaptureFixture[str], released
) -> None:
    with feeding(live):
        eventually(lambda: get(live, "/frame.jpg").status, 200)
        time.sleep(0.2)
        start = held()
        for path in (b"/stream", b"/latest", b"/latest?after=99999999", b"/frame.jpg") * 5:
            dying = [raw(live, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path) for _ in range(50)]
            for number, connection in enumerate(dying):
                if number % 3:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                if number % 2:
                    connection.recv(2000)
                connection.close()
        released(start)
    assert capfd.readouterr() == ("", "")


def test_closing_is_quick_with_viewers_connected(frame: Callable[..., Shown], feeding, raw, held, released) -> None:
    start = held()
    with Live(port=0) as live, feeding(live, side=600):
        viewers = [raw(live, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path) for path in (b"/stream", b"/latest") * 20]
        for connection in viewers[::4]:
            connection.recv(1000)
        before = time.monotonic()
    assert time.monotonic() - before < 2 + 0.5
    for connection in viewers:
        connection.close()
    released(start)
    assert "live" not in {thread.name for thread in threading.enumerate()}
    live.show(frame())
    live.report("lost")
