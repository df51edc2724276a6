"""The newest frame, and its JPEG: encoded when somebody waits for it, once for all of them."""

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image

from runtime.live import Shown
from runtime.preprocess import upright_rgb

SIDE, QUALITY = 800, 80
SHORTEST_INTERVAL_S = 1 / 15
"""Between two encodings: more pictures a second would cost inference more than they show."""

POLITENESS = 10
"""The encoder's nice value, so that inference goes first where cores are few."""


@dataclass(frozen=True)
class Version:
    """One state of the board: its number, the newest frame if there was one, and the source's state."""

    number: int
    shown: Shown | None
    state: str


@dataclass(frozen=True)
class Picture:
    """An encoded version; `jpeg` is empty before the first frame."""

    version: Version
    jpeg: bytes


class Board:
    """`show` and `report` may be called from any thread and return at once; all else belongs to the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.encoded = 0
        self._loop = loop
        self._latest = Version(0, None, "waiting")
        self._picture = Picture(self._latest, b"")
        self._changed = asyncio.Event()
        self._waiting = 0
        self._write = threading.Lock()
        self._encoding: asyncio.Task[None] | None = None
        self._encoded_at_s = 0.0
        self._encoder = ThreadPoolExecutor(1, "live-encoder", _be_nice)

    def show(self, shown: Shown) -> None:
        """Takes a new frame."""
        self._put(shown, shown.state)

    def report(self, state: str) -> None:
        """Takes a new state of the source, while no frame comes."""
        if state != self._latest.state:
            self._put(None, state)

    def latest(self) -> Version:
        """What was shown or reported last."""
        return self._latest

    async def newer(self, than: int, within_s: float) -> Picture:
        """The newest picture as soon as its number is not `than`, at the latest after `within_s` seconds what there is."""
        self._waiting += 1  # before the look at the number: `_put` writes that first and looks here after
        try:
            if self._latest.number == than:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), within_s)
        finally:
            self._waiting -= 1
        if self._picture.version.number != self._latest.number:
            self._encoding = self._encoding or self._loop.create_task(self._encode())
            await asyncio.shield(self._encoding)
        return self._picture

    def close(self) -> None:
        """Ends the encoder's thread; waits for the picture under way."""
        self._encoder.shutdown(cancel_futures=True)

    def _put(self, shown: Shown | None, state: str) -> None:
        with self._write:
            before = self._latest
            shown = shown or (before.shown and replace(before.shown, state=state))
            self._latest = Version(before.number + 1, shown, state)
        if self._waiting:
            with suppress(RuntimeError):  # the loop has ended: nobody waits any more
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _encode(self) -> None:
        try:
            await asyncio.sleep(self._encoded_at_s + SHORTEST_INTERVAL_S - time.monotonic())
            self._encoded_at_s = time.monotonic()
            latest, before = self._latest, self._picture
            if latest.shown is None or (before.version.shown and before.version.shown.image is latest.shown.image):
                self._picture = Picture(latest, before.jpeg)
                return
            self._picture = Picture(latest, await self._loop.run_in_executor(self._encoder, encode, latest.shown.image))
            self.encoded += 1
        finally:
            self._encoding = None


def encode(image: Image.Image) -> bytes:
    """A JPEG of the upright picture, at most 800 pixels a side."""
    upright = upright_rgb(image)
    scale = SIDE / max(upright.size)
    if scale < 1:
        size = (max(1, round(upright.width * scale)), max(1, round(upright.height * scale)))
        upright = upright.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    content = BytesIO()
    upright.save(content, "JPEG", quality=QUALITY)
    return content.getvalue()


def _be_nice() -> None:
    if hasattr(os, "setpriority"):  # on Linux of one thread alone
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), POLITENESS)
