"""Saves the images that the model was uncertain about, to be sorted by hand and used in `train`.

A file is DIR/<top label>/<time>_<score>_<unsure or unknown>.jpg.
"""

import argparse
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from queue import Empty, Full, Queue
from typing import NamedTuple

from PIL import Image

from runtime.answer import Verdict
from runtime.errors import ImageRefused, InputRefused, MachineError, QuinceError, naming
from runtime.images.upright import upright_rgb
from runtime.monitor.sinks.base import Sink, SinkContext
from runtime.monitor.sinks.events import FrameResult
from runtime.system.atomic_files import write_file
from runtime.system.terminal import escape_unprintable

INTERVAL_S = 2.0
"""A camera's images are saved so many seconds apart; nearer ones would be nearly the same."""
JPEG_QUALITY = 95
"""High, because the images are used in training."""
MAX_QUEUED = 2
CLOSE_TIMEOUT_S = 0.5
MAX_NAME_BYTES = 120


@contextmanager
def open_uncertain(options: argparse.Namespace, context: SinkContext) -> Iterator[Sink]:
    """Saves frames whose own answer is unsure or unknown.

    Raises:
        InputRefused: the folder is a file, or there is no threshold.
    """
    folder: Path = options.save_uncertain
    if context.thresholds.min_score <= 0 and context.thresholds.min_similarity is None:
        raise InputRefused(
            "--save-uncertain",
            "the model file has no threshold below which an answer is unsure or unknown; "
            "set one with --min-score",
        )
    if folder.exists() and not folder.is_dir():
        raise InputRefused(str(folder), "expected a folder, found a file")
    saver = ImageSaver(folder, context, options.save_most, options.save_megabytes * 10**6)
    try:
        yield Sink(on_frame=saver.offer)
    finally:
        saver.close()


def folder_name(label: str) -> str:
    """Returns a label as the name of one folder, unchanged if possible.

    The name is one line, has no slash, is not hidden, and has at most 120 bytes.
    """
    name = escape_unprintable(label).replace("/", "%2F")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    short = name.encode()[: MAX_NAME_BYTES - 9].decode(errors="ignore")
    return f"{short}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"


class _QueuedImage(NamedTuple):
    image: Image.Image
    label: str
    score: float
    verdict: Verdict
    time: datetime


class ImageSaver:
    """Encodes and writes images in a thread of its own: a slow card must not slow the camera."""

    def __init__(self, folder: Path, context: SinkContext, max_files: int, max_bytes: int) -> None:
        self._folder, self._context = folder, context
        self._max_files, self._max_bytes = max_files, max_bytes
        self._last_s: float | None = None
        self._queue: Queue[_QueuedImage | None] = Queue(MAX_QUEUED)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="save uncertain images", daemon=True)
        self._thread.start()

    def offer(self, result: FrameResult) -> None:
        """Queues an uncertain image.

        Of a camera at most one in two seconds, and none while the disk is busy.
        """
        now_s, live = time.monotonic(), self._context.live
        too_soon = live and self._last_s is not None and now_s - self._last_s < INTERVAL_S
        if result.verdict == "known" or too_soon:
            return
        top = result.top
        image = _QueuedImage(
            result.frame.image, top.label, top.score, result.verdict, datetime.now(UTC)
        )
        try:
            self._queue.put(image, block=not live)
            self._last_s = now_s
        except Full:
            return

    def close(self) -> None:
        """Waits until the queued images are saved; with a camera at most half a second."""
        try:
            self._queue.put(None, block=not self._context.live)
        except Full:
            self._stopping = True
        self._thread.join(CLOSE_TIMEOUT_S if self._context.live else None)

    def _run(self) -> None:
        files, size = _count_files(self._folder)
        while not self._stopping:
            try:
                image = self._queue.get(timeout=CLOSE_TIMEOUT_S)
            except Empty:
                continue
            if image is None:
                return
            try:
                size += self._save(image, files, size)
                files += 1
            except QuinceError as error:
                self._context.errors.report(error)

    def _save(self, image: _QueuedImage, files: int, size: int) -> int:
        """Writes a JPEG and returns its size in bytes; `files` and `size` are in the folder now."""
        if files >= self._max_files:
            raise MachineError(
                str(self._folder),
                f"holds {files} images; no more are saved (--save-most {self._max_files})",
            )
        content = _encode(image.image)
        if size + len(content) > self._max_bytes:
            raise MachineError(
                str(self._folder),
                f"holds {size / 1e6:.1f} MB; no more are saved "
                f"(--save-megabytes {self._max_bytes // 10**6})",
            )
        # With the folder's name instead of the file's it is reported once, not for every image.
        with naming(self._folder):
            write_file(self._free_path(image), content)
        return len(content)

    def _free_path(self, image: _QueuedImage) -> Path:
        milliseconds = image.time.microsecond // 1000
        name = f"{image.time:%Y%m%dT%H%M%S}.{milliseconds:03d}Z_{image.score:.3f}_{image.verdict}"
        folder = self._folder / folder_name(image.label)
        path, number = folder / f"{name}.jpg", 0
        while os.path.lexists(path):
            number += 1
            path = folder / f"{name}_{number}.jpg"
        return path


def _encode(image: Image.Image) -> bytes:
    content = BytesIO()
    try:
        upright_rgb(image).save(content, "JPEG", quality=JPEG_QUALITY)
    except OSError as error:
        raise ImageRefused("--save-uncertain", f"cannot be saved as JPEG: {error}") from error
    return content.getvalue()


def _count_files(folder: Path) -> tuple[int, int]:
    """Returns how many files are below `folder`, and their bytes."""
    files = size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(parent, name)).st_size
                files += 1
            except OSError:
                continue
    return files, size
