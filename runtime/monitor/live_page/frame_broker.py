"""Holds the newest frame, and encodes it as JPEG once for all viewers who wait for it."""

import asyncio
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BytesIO

from PIL import Image

from runtime.errors import ImageRefused
from runtime.images.decoding import raise_image_refused
from runtime.images.upright import upright_rgb
from runtime.monitor.live_page.page_update import PageUpdate

MAX_SIDE, JPEG_QUALITY = 800, 80
MIN_INTERVAL_S = 1 / 15
"""Time between two encodings; more images per second would slow inference without showing more."""

MIN_EXPLAIN_INTERVAL_S = 1.0
"""Time between two heat maps. Viewers who ask meanwhile share the next one."""

NICENESS = 10
"""A positive nice value, so that inference goes first on few cores."""


@dataclass(frozen=True)
class PageState:
    """One state of the page.

    number: grows by 1 with each state. update: the newest frame, None before the first. source: the
    state of the source. answers: the newest of each view, by its name.
    """

    number: int
    update: PageUpdate | None
    source: str
    answers: Mapping[str, PageUpdate] = field(default_factory=dict)


@dataclass(frozen=True)
class EncodedFrame:
    """A state with its encoded image; `jpeg` is empty before the first frame."""

    state: PageState
    jpeg: bytes


class FrameBroker:
    """Passes frames from the camera's thread to the event loop.

    `show` and `report_state` return at once, from any thread. All other methods belong to the
    thread of the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.encoded = 0
        self._loop = loop
        self._latest = PageState(0, None, "waiting")
        self._frame = EncodedFrame(self._latest, b"")
        self._changed = asyncio.Event()
        self._waiting = 0
        self._write = threading.Lock()
        self._encoding: asyncio.Task[None] | None = None
        self._encoded_at_s = 0.0
        self._encoder = ThreadPoolExecutor(1, "live-encoder", lower_priority)
        self._explaining: dict[str, asyncio.Task[bytes]] = {}
        self._explained_at_s = 0.0
        self._explainer = ThreadPoolExecutor(1, "live-explainer", lower_priority)

    def show(self, update: PageUpdate) -> None:
        """Makes this the newest frame."""
        self._set(update, update.state)

    def show_still(self, image: Image.Image, arrived_s: float) -> None:
        """Shows a newer image, perhaps undecoded, under answers that still stand."""
        update = self._latest.update
        if update is not None:
            self._set(replace(update, image=image, arrived_s=arrived_s, state="running"), "running")

    def report_state(self, source: str) -> None:
        """Changes the state of the source while no frame arrives."""
        if source != self._latest.source:
            self._set(None, source)

    def latest(self) -> PageState:
        """Returns the newest state."""
        return self._latest

    async def wait_for_change(self, number: int, timeout_s: float) -> EncodedFrame:
        """Waits until the newest state is not `number`, at most `timeout_s`; returns its frame."""
        # Count first and compare then: `_set` writes the state first and reads the count then.
        self._waiting += 1
        try:
            if self._latest.number == number:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), timeout_s)
        finally:
            self._waiting -= 1
        if self._frame.state.number != self._latest.number:
            if self._encoding is None:
                self._encoding = self._loop.create_task(self._encode())
            await asyncio.shield(self._encoding)
        return self._frame

    async def explain(self, view: str | None = None) -> bytes:
        """Returns the heat map of a view's newest answer as a PNG, or nothing if there is none.

        Without `view` it is that of the newest frame. One is made at a time, at most one a second.
        """
        name = view if view is not None else getattr(self._latest.update, "view", "")
        if name not in self._latest.answers:
            return b""
        if name not in self._explaining:
            self._explaining[name] = self._loop.create_task(self._explain(name))
        return await asyncio.shield(self._explaining[name])

    def close(self) -> None:
        """Ends the threads of the encoder and the explainer after their current image."""
        self._encoder.shutdown(cancel_futures=True)
        self._explainer.shutdown(wait=False, cancel_futures=True)

    def _set(self, update: PageUpdate | None, source: str) -> None:
        with self._write:
            before = self._latest
            if update is None and before.update is not None:
                update = replace(before.update, state=source)
            answers = before.answers
            if update is not None:
                answers = {**answers, update.view: update}
            self._latest = PageState(before.number + 1, update, source, answers)
        if self._waiting:
            with suppress(RuntimeError):  # the loop has ended, so nobody waits
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _encode(self) -> None:
        try:
            await asyncio.sleep(self._encoded_at_s + MIN_INTERVAL_S - time.monotonic())
            self._encoded_at_s = time.monotonic()
            latest, before = self._latest, self._frame
            if latest.update is None or _has_same_image(latest, before.state):
                self._frame = EncodedFrame(latest, before.jpeg)
                return
            jpeg = before.jpeg
            with suppress(ImageRefused):  # it was not decoded before, and is broken
                jpeg = await self._loop.run_in_executor(self._encoder, encode, latest.update.image)
                self.encoded += 1
            self._frame = EncodedFrame(latest, jpeg)
        finally:
            self._encoding = None

    async def _explain(self, view: str) -> bytes:
        try:
            start_s = max(time.monotonic(), self._explained_at_s + MIN_EXPLAIN_INTERVAL_S)
            self._explained_at_s = start_s
            await asyncio.sleep(start_s - time.monotonic())
            explain = self._latest.answers[view].explain
            if explain is None:
                return b""
            return await self._loop.run_in_executor(self._explainer, explain)
        finally:
            del self._explaining[view]


def _has_same_image(state: PageState, other: PageState) -> bool:
    if state.update is None or other.update is None:
        return False
    return state.update.image is other.update.image


def encode(image: Image.Image) -> bytes:
    """Returns a JPEG of the upright image, at most 800 pixels a side.

    Raises:
        ImageRefused: it was not decoded yet, and is broken.
    """
    with raise_image_refused("image"):
        upright = upright_rgb(image)
    scale = MAX_SIDE / max(upright.size)
    if scale < 1:
        size = (max(1, round(upright.width * scale)), max(1, round(upright.height * scale)))
        upright = upright.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    content = BytesIO()
    upright.save(content, "JPEG", quality=JPEG_QUALITY)
    return content.getvalue()


def lower_priority() -> None:
    """Lets inference go first on few cores; a thread calls it at its start."""
    if hasattr(os, "setpriority"):  # Linux applies it to one thread
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
