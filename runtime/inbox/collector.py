"""Collects the images of a camera that are worth a label, in DIR/new.

Each has its burst and the reason in its name, and time, source and answer in its file. What is
worth least goes when the limits are reached. Nothing but the folder itself remembers what is there,
so a killed collector leaves nothing to repair.
"""

import random
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import Empty, Full, Queue
from typing import NamedTuple

import numpy as np
from PIL import Image

from runtime.errors import (
    ImageRefused,
    InputRefused,
    MachineError,
    QuinceError,
    failed_access,
    naming,
)
from runtime.images.decoding import decode, read_image
from runtime.images.region import Region, crop_region
from runtime.inbox.folder import NEW, image_names
from runtime.inbox.names import kept_name, new_burst, reason_of
from runtime.inbox.note import Note, encode_with_note
from runtime.inbox.selection import (
    MIN_WORTH,
    RANDOM_SHARE,
    THUMBNAIL_SIDE,
    Floats,
    Kept,
    Selection,
    thumbnail,
)
from runtime.system.atomic_files import write_file

INTERVAL_S = 2.0
"""Of a camera so many seconds lie between two images that are considered, changes excepted."""
RANDOM_CHANCE = 0.02
"""The part of the images considered that chance chooses, until its share is full."""
BURST_GAP_S, BURST_LENGTH_S = 10.0, 60.0
"""A burst of a camera ends after so long without a kept image, and after so long at most."""
SCENE_CUT = 0.1
"""In a clip or folder a burst ends where two images in a row differ by so much, as thumbnails."""
MIN_GAIN = 1.1
"""An image replaces another one that is worth so much less: a card has only so many writes."""
MAX_QUEUED = 2
CLOSE_TIMEOUT_S = 0.5
MIN_FREE_BYTES = 100 * 10**6
"""Disk space that is left to others."""


class InboxLimits(NamedTuple):
    """Holds how much may be collected that nobody labelled yet, and what others keep free."""

    images: int = 500
    size_bytes: int = 200 * 10**6
    free_bytes: int = MIN_FREE_BYTES


class OfferedImage(NamedTuple):
    """Holds an image that may be kept; nobody may change the image later.

    regular: whether it comes at its time, not because of what it shows.
    """

    image: Image.Image
    note: Note
    regular: bool


class AppearanceMeasure(NamedTuple):
    """Says how the appearance of an image is measured.

    name: of the model, or ""; vectors of two models cannot be compared. vector_of: returns a
    vector of an upright RGB image. min_side: to which side a JPEG may be reduced for it.
    """

    name: str
    vector_of: Callable[[Image.Image], Floats]
    min_side: int


def by_thumbnail(region: Region | None = None) -> AppearanceMeasure:
    """Returns how images are measured without a model; only `region` counts."""
    smallest = min(region[2:]) if region else 1.0

    def vector_of(image: Image.Image) -> Floats:
        return thumbnail(crop_region(image, region))

    return AppearanceMeasure("", vector_of, round(2 * THUMBNAIL_SIDE / smallest))


BY_THUMBNAIL = by_thumbnail()


class Collector:
    """Chooses and writes images in a thread of its own: a slow card must not slow the camera."""

    def __init__(
        self,
        inbox: Path,
        limits: InboxLimits,
        report: Callable[[QuinceError], None],
        *,
        live: bool,
        measure_now: Callable[[], AppearanceMeasure] = lambda: BY_THUMBNAIL,
    ) -> None:
        """Starts the thread.

        Args:
            inbox: the folder; it need not exist.
            limits: of what nobody labelled yet.
            report: receives errors, from the thread.
            live: whether it is a camera, which must not wait.
            measure_now: how images are measured now; it is called in the thread.

        Raises:
            InputRefused: `inbox` is a file.
        """
        if inbox.exists() and not inbox.is_dir():
            raise InputRefused(str(inbox), "expected a folder, found a file")
        self._folder, self._limits = inbox / NEW, limits
        self._report, self._live, self._measure_now = report, live, measure_now
        self._selection = Selection()
        self._measure_name = ""
        self._unreadable: set[str] = set()
        self._bursts = _Bursts(live=live)
        self._considered, self._last_s = 0, -np.inf
        self.stored = 0
        self._queue: Queue[OfferedImage | None] = Queue(MAX_QUEUED)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="collect images", daemon=True)
        self._thread.start()

    def offer(self, image: Image.Image, note: Note) -> None:
        """Queues an image; of a camera one in two seconds and each change, none while it is busy.

        A note that says "different" may become a "random" one.
        """
        now_s = time.monotonic()
        regular = not self._live or now_s - self._last_s >= INTERVAL_S
        if not regular and note.reason != "change":
            return
        try:
            self._queue.put(OfferedImage(image, note, regular), block=not self._live)
        except Full:
            return
        if regular:
            self._last_s = now_s

    def close(self) -> None:
        """Waits until the queued images are written; with a camera at most half a second."""
        try:
            self._queue.put(None, block=not self._live)
        except Full:
            self._stopping = True
        self._thread.join(CLOSE_TIMEOUT_S if self._live else None)

    def _run(self) -> None:
        while not self._stopping:
            try:
                offered = self._queue.get(timeout=CLOSE_TIMEOUT_S)
            except Empty:
                continue
            if offered is None:
                return
            try:
                self._consider(offered)
            except QuinceError as error:
                self._report(error)
            except OSError as error:  # of a folder that became read-only, or is gone
                self._report(failed_access(str(self._folder), error))

    def _consider(self, offered: OfferedImage) -> None:
        """Keeps an image if chance chooses it or it is worth its place."""
        measure = self._measure_now()
        self._synchronize(measure)
        burst = self._bursts.current(offered.image)
        vector = measure.vector_of(offered.image)
        if offered.regular and self._is_chosen_by_chance():
            offered = offered._replace(note=replace(offered.note, reason="random"))
            worth = np.inf
        else:
            worth = self._selection.worth(vector, offered.note.reason)
            if worth < MIN_WORTH:
                return
        content = encode_with_note(offered.image, offered.note)
        # With the folder's name instead of the file's an error is reported once, not every time.
        with naming(self._folder):
            if self._make_room(len(content), vector, worth):
                reason = offered.note.reason
                name = kept_name(burst, self._bursts.count(), reason)
                write_file(self._folder / name, content)
                self._selection.add(Kept(name, reason, len(content), vector))
                self.stored += 1

    def _is_chosen_by_chance(self) -> bool:
        """Draws images so that each has about the same chance, however many are seen.

        It is Algorithm R (Vitter, "Random sampling with a reservoir", ACM Transactions on
        Mathematical Software 11, 1985), which begins with a small chance instead of a full store.
        """
        self._considered += 1
        share = max(1, round(RANDOM_SHARE * self._limits.images))
        if random.random() >= min(RANDOM_CHANCE, share / self._considered):
            return False
        names = [name for name, kept in self._selection.kept.items() if kept.reason == "random"]
        if len(names) >= share:
            self._drop(random.choice(names))
        return True

    def _make_room(self, size: int, vector: Floats, worth: float) -> bool:
        """Drops what is worth less than a new image until it fits; returns whether it does.

        For a disk that others fill only one image goes: not all shall leave for them.
        """
        limits, selection = self._limits, self._selection
        full = selection.count >= limits.images or selection.size + size > limits.size_bytes
        crowded = self._free_bytes() - size < limits.free_bytes
        while full or crowded:
            least = selection.least(vector)
            if least is None or least[1] * MIN_GAIN >= worth:
                if crowded and not full:
                    raise MachineError(
                        str(self._folder),
                        f"less than {limits.free_bytes / 1e6:.0f} MB of the disk are free; no more"
                        " images are kept",
                    )
                return False
            self._drop(least[0])
            full = selection.count >= limits.images or selection.size + size > limits.size_bytes
            crowded = False
        return True

    def _drop(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)
        self._selection.drop(name)

    def _free_bytes(self) -> int:
        folder = self._folder
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def _synchronize(self, measure: AppearanceMeasure) -> None:
        """Makes the memory agree with the folder, which people and other collectors change."""
        if measure.name != self._measure_name:
            self._selection.clear()
            self._measure_name = measure.name
        found = set(image_names(self._folder))
        known = self._selection.kept
        self._selection.leave(known.keys() - found)
        self._unreadable &= found
        for name in sorted(found - known.keys() - self._unreadable):
            try:
                content = read_image(self._folder / name)
                vector = measure.vector_of(decode(content, measure.min_side, name))
            except ImageRefused:
                self._unreadable.add(name)
                continue
            self._selection.add(Kept(name, reason_of(name), len(content), vector))


class _Bursts:
    """Finds which images belong together, because they were taken one after another."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._name, self._number = "", 0
        self._started_s = self._kept_s = -np.inf
        self._before: Floats | None = None

    def current(self, image: Image.Image) -> str:
        """Returns the burst of the next image; clips and folders have bursts of similar images."""
        now_s = time.monotonic()
        if self._live:
            ended = now_s - self._kept_s > BURST_GAP_S or now_s - self._started_s > BURST_LENGTH_S
        else:
            small = thumbnail(image)
            before = small if self._before is None else self._before
            ended = not self._name or float(np.linalg.norm(small - before)) > SCENE_CUT
            self._before = small
        if ended:
            self._name, self._number, self._started_s = new_burst(self._name), 0, now_s
        return self._name

    def count(self) -> int:
        """Returns the number of the image in its burst, from 1 on, because it is kept."""
        self._number += 1
        self._kept_s = time.monotonic()
        return self._number
