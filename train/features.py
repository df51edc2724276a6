"""What the frozen part of a model makes of each picture: computed once, kept on disk, found again by what it was made from."""

import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.atomic import FULL, locked, write_file
from runtime.errors import MachineError
from runtime.progress import Progress

BATCH = 64
RECORD_INTERVAL_S = 5.0
"""A computation that is killed loses at most this."""
LIMIT = 4 * 2**30
"""The bytes on disk above which the features that were not used for longest are removed."""
RECENT_S = 600.0
"""What was written this recently may be another training's that is under way, and stays."""

Batches = Callable[[int, int], NDArray[Any]]
"""(start, stop) -> the inputs of those pictures, (stop - start, ...)."""


def key(*made_from: str | bytes) -> str:
    """One sha256 over all that features were made from."""
    whole = sha256()
    for part in made_from:
        whole.update(sha256(part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part).digest())
    return whole.hexdigest()


def compute(entry: Path, count: int, batches: Batches, model: Callable[[Any], Any], label: str) -> NDArray[np.float16]:
    """(count, ...) float16: `model` on every picture, in a memory-mapped file in the folder `entry`.

    What is there already is kept, and a computation that was killed goes on where it last made a record. float16 halves the disk; its
    rounding (1 part in 2048) is far below what augmentation changes.

    Raises:
        MachineError: the disk is full.
    """
    finished, part, record = entry / "features.npy", entry / "part.npy", entry / "done"
    with locked(entry), _room(entry):
        if not finished.exists():
            _fill(part, record, count, batches, model, label)
            os.replace(part, finished)
            record.unlink(missing_ok=True)
        os.utime(finished)
    return np.load(finished, mmap_mode="r")  # type: ignore[no-any-return]


def clean(folder: Path, limit: int = LIMIT) -> None:
    """Removes entries of `folder`, the longest unused first, until the rest takes at most `limit` bytes; recent ones stay."""
    entries = []
    for entry in folder.glob("*/"):
        with suppress(OSError):  # another process may be removing it too
            stats = [file.stat() for file in entry.iterdir()]
            entries.append((max((stat.st_mtime for stat in stats), default=0.0), sum(stat.st_size for stat in stats), entry))
    total = sum(size for _, size, _ in entries)
    for used, size, entry in sorted(entries):
        if total <= limit or used > time.time() - RECENT_S:
            return
        shutil.rmtree(entry, ignore_errors=True)
        total -= size


def _fill(part: Path, record: Path, count: int, batches: Batches, model: Callable[[Any], Any], label: str) -> None:
    features, done = _begun(part, record, count)
    recorded = time.monotonic()
    with Progress(label, count - done) as bar:
        for start in range(done, count, BATCH):
            stop = min(start + BATCH, count)
            out = np.asarray(model(batches(start, stop)))
            if features is None:
                features = np.lib.format.open_memmap(part, "w+", np.float16, (count, *out.shape[1:]))
                _reserve(part)
            features[start:stop] = np.clip(out, -65504, 65504)
            bar.advance(stop - start)
            if time.monotonic() - recorded >= RECORD_INTERVAL_S:
                features.flush()
                write_file(record, str(stop))
                recorded = time.monotonic()
    if features is None:
        raise ValueError("no pictures to compute features of")
    features.flush()


def _begun(part: Path, record: Path, count: int) -> tuple[np.memmap[Any, np.dtype[np.float16]] | None, int]:
    """What a killed computation left: its file, and how many pictures of it are done."""
    try:
        done = int(record.read_text())
        features = np.lib.format.open_memmap(part, "r+")
    except (OSError, ValueError):
        return None, 0
    return (features, done) if len(features) == count and 0 < done <= count else (None, 0)


def _reserve(path: Path) -> None:
    """Takes the disk space of a file of holes now: later, on a full disk, writing to its memory map would kill the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


@contextmanager
def _room(entry: Path) -> Generator[None, None, None]:
    """Turns a full disk into one line, and gives back what was taken of it."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        shutil.rmtree(entry, ignore_errors=True)
        with suppress(OSError):
            entry.parent.rmdir()
        reason = "the disk is full: the features of the pictures do not fit; choose another --cache or fewer --views"
        raise MachineError(str(entry.parent.parent), reason) from error
