"""Serves a live page on loopback, and makes frames for it."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import numpy as np
import pytest
from PIL import Image

from runtime.answer import Prediction
from runtime.monitor.live_page.live_page import LivePage
from runtime.monitor.live_page.page_update import PageUpdate
from runtime.monitor.smoothing import SmoothedAnswer

PREDICTIONS = (Prediction("banana", 0.9), Prediction("orange", 0.06), Prediction("lemon", 0.03))


@pytest.fixture
def live() -> Iterator[LivePage]:
    with LivePage(port=0) as live:
        yield live


@pytest.fixture
def frame() -> Callable[..., PageUpdate]:
    """Makes a frame of one grey `level`, or of noise, that arrives now."""

    def make(
        level: int | None = 100,
        *,
        side: int = 64,
        predictions: tuple[Prediction, ...] = PREDICTIONS,
        **fields: object,
    ) -> PageUpdate:
        noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
        image = (
            Image.fromarray(noise)
            if level is None
            else Image.new("RGB", (side, side), (level, level, level))
        )
        values = {
            "stable": SmoothedAnswer(*predictions[0]),
            "latency_ms": 8.4,
            "arrived_s": time.monotonic(),
            "fps": 15.0,
            "title": "fruit",
        } | fields
        return PageUpdate(image, predictions, **values)  # type: ignore[arg-type]

    return make


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> dict:
        return json.loads(self.body)

    def parts(self) -> tuple[dict, bytes]:
        """Splits the response of /latest into JSON and JPEG."""
        size = int.from_bytes(self.body[:4], "big")
        return json.loads(self.body[4 : 4 + size]), self.body[4 + size :]


@pytest.fixture
def get() -> Callable[..., Answer]:
    """Requests a path of a live page; the names of the headers in the answer are lower case."""

    def ask(
        live: LivePage, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", live.port, timeout=20)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, names)
            response = connection.getresponse()
            return Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read(),
            )
        finally:
            connection.close()

    return ask


@pytest.fixture
def raw() -> Iterator[Callable[..., socket.socket]]:
    """Opens a connection to a live page and sends bytes; closes it at the end."""
    opened: list[socket.socket] = []

    def connect(
        live: LivePage, content: bytes = b"", buffer_bytes: int | None = None
    ) -> socket.socket:
        connection = socket.socket()
        opened.append(connection)
        if buffer_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", live.port))
        connection.sendall(content)
        return connection

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def feeding(frame: Callable[..., PageUpdate]) -> Callable[..., object]:
    """`with feeding(live):` shows a new frame every few milliseconds."""

    @contextmanager
    def feed(live: LivePage, side: int = 64) -> Iterator[list[int]]:
        shown, ended = [0], threading.Event()

        def run() -> None:
            while not ended.wait(0.005):
                live.show(frame(None, side=side))
                shown[0] += 1

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield shown
        finally:
            ended.set()
            thread.join()

    return feed


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits until a value is the expected one; fails with the last value after 20 seconds."""

    def wait(value: Callable[[], object], expected: object) -> None:
        end = time.monotonic() + 20
        while (latest := value()) != expected:
            assert time.monotonic() < end, f"expected {expected}, found {latest}"
            time.sleep(0.05)

    return wait


@pytest.fixture
def held() -> Callable[[], tuple[int, int]]:
    """Counts the threads and open files of this process."""
    return lambda: (threading.active_count(), len(os.listdir("/proc/self/fd")))


@pytest.fixture
def released(
    held: Callable[[], tuple[int, int]], eventually: Callable[..., None]
) -> Callable[[tuple[int, int]], None]:
    """Waits until there are no more threads and files than at a start.

    There may be fewer if an earlier test frees its own only now.
    """
    return lambda start: eventually(
        lambda: all(now <= before for now, before in zip(held(), start, strict=True)), True
    )


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., object]]:
    """Opens a page; `complaints` collects console lines, dialogs and requests to other servers."""
    contexts = []

    def open_page(
        live: LivePage, url: str | None = None, until: str = "domcontentloaded", **options: object
    ):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on(
            "dialog",
            lambda dialog: (page.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()),
        )
        page.on(
            "request",
            lambda request: (
                request.url.startswith((f"http://127.0.0.1:{live.port}/", "blob:", "data:"))
                or page.complaints.append(request.url)
            ),
        )
        page.goto(url or live.url, wait_until=until)
        return page

    yield open_page
    for context in contexts:
        context.close()
