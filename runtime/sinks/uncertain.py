"""Saves the pictures that the model was not sure of: DIR/<its guess>/<time>_<score>.jpg, to be sorted by hand and given to `train`."""

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

from PIL import Image

from runtime import cli
from runtime.atomic import write_file
from runtime.errors import InputRefused, MachineError, PictureRefused, QuinceError
from runtime.preprocess import upright_rgb
from runtime.sinks import About, Seen, Sink

EVERY_S = 2.0
"""Of what goes by in front of a camera one picture is kept in so many seconds: the next one would be nearly the same."""
QUALITY = 95
"""Of the JPEGs, which are to be trained with."""
WAITING = 2
LEAVE_S = 0.5
MOST_NAME_BYTES = 120


@contextmanager
def open_uncertain(options: argparse.Namespace, about: About) -> Iterator[Sink]:
    """Saves frames whose own best score is below the threshold.

    Raises:
        InputRefused: the folder is a file, or without a threshold nothing is uncertain.
    """
    folder: Path = options.save_uncertain
    if about.min_score <= 0:
        raise InputRefused("--save-uncertain", "the model says no score below which it is unsure; give one with --min-score")
    if folder.exists() and not folder.is_dir():
        raise InputRefused(str(folder), "is a file, a folder is needed")
    saver = Saver(folder, about, options.save_most, options.save_megabytes * 10**6)
    try:
        yield Sink(seen=saver.offer)
    finally:
        saver.close()


def folder_name(label: str) -> str:
    """A label as the name of one folder, itself wherever it can be: one line, no slash, not hidden, at most 120 bytes."""
    name = cli.printable(label).replace("/", "%2F")
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    if len(name.encode()) <= MOST_NAME_BYTES:
        return name
    short = name.encode()[: MOST_NAME_BYTES - 9].decode(errors="ignore")
    return f"{short}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"


class Saver:
    """A thread of its own encodes and writes: a slow card must not slow the camera."""

    def __init__(self, folder: Path, about: About, most: int, most_bytes: int) -> None:
        self._folder, self._about, self._most, self._most_bytes = folder, about, most, most_bytes
        self._last: float | None = None
        self._queue: Queue[tuple[Image.Image, str, float, datetime] | None] = Queue(WAITING)
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="save uncertain pictures", daemon=True)
        self._thread.start()

    def offer(self, seen: Seen) -> None:
        """Saves the picture soon if the model was unsure of it; of a camera one in two seconds at most, and none while the disk is busy."""
        now = time.monotonic()
        if not seen.unsure or (self._about.live and self._last is not None and now - self._last < EVERY_S):
            return
        try:
            self._queue.put((seen.frame.image, seen.guess.label, seen.guess.score, datetime.now(UTC)), block=not self._about.live)
            self._last = now
        except Full:
            return

    def close(self) -> None:
        """Lets what is begun end, for half a second with a camera; of pictures all are saved."""
        try:
            self._queue.put(None, block=not self._about.live)
        except Full:
            self._stopping = True
        self._thread.join(LEAVE_S if self._about.live else None)

    def _work(self) -> None:
        files, size = _contents(self._folder)
        while not self._stopping:
            try:
                item = self._queue.get(timeout=LEAVE_S)
            except Empty:
                continue
            if item is None:
                return
            try:
                size += self._save(*item, files, size)
                files += 1
            except QuinceError as error:
                self._about.complain(error)

    def _save(self, image: Image.Image, label: str, score: float, at: datetime, files: int, size: int) -> int:
        if files >= self._most:
            raise MachineError(str(self._folder), f"holds {files} pictures; no more are saved (--save-most {self._most})")
        content = BytesIO()
        try:
            upright_rgb(image).save(content, "JPEG", quality=QUALITY)
        except OSError as error:
            raise PictureRefused("--save-uncertain", f"cannot be made a JPEG: {error}") from error
        if size + content.tell() > self._most_bytes:
            limit = self._most_bytes // 10**6
            raise MachineError(str(self._folder), f"holds {size / 1e6:.1f} MB; no more is saved (--save-megabytes {limit})")
        name = f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03d}Z_{score:.3f}"
        place = self._folder / folder_name(label)
        number = 0
        while os.path.lexists(path := place / f"{name}{f'_{number}' if number else ''}.jpg"):
            number += 1
        try:
            write_file(path, content.getvalue())
        except QuinceError as error:  # named by the folder, so that it is said once and not of every picture
            raise type(error)(str(self._folder), error.reason) from error
        return content.tell()


def _contents(folder: Path) -> tuple[int, int]:
    """How many files are below `folder`, and their bytes."""
    files = size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(place, name)).st_size
                files += 1
            except OSError:
                continue
    return files, size
