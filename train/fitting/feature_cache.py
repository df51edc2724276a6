"""Keeps computed features on disk, each set in a folder named after everything it was made from."""

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

from runtime.errors import MachineError
from runtime.shared.progress import Progress
from runtime.system.atomic_files import DISK_FULL, locked, write_file

BATCH = 64
RECORD_INTERVAL_S = 5.0
"""A killed computation loses at most the work of this time."""
FLOAT16_MAX = 65504

InputReader = Callable[[int, int], NDArray[Any]]
"""(start, stop) -> (stop - start, ...) inputs of these images."""


def cache_key(*parts: str | bytes) -> str:
    """Returns one SHA-256 over all parts; it depends on their order and borders."""
    digest = sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(sha256(content).digest())
    return digest.hexdigest()


def compute_features(
    entry: Path, count: int, read: InputReader, function: Callable[[Any], Any], label: str
) -> NDArray[np.float16]:
    """Returns the (count, ...) float16 results of `function`, as a memory map of a file in `entry`.

    Existing results are reused, and a killed computation continues after its last record. float16
    halves the disk space; its rounding (1 part in 2048) is far below the effect of augmentation.

    Raises:
        MachineError: the disk is full.
    """
    finished, part, record = entry / "features.npy", entry / "part.npy", entry / "done"
    with locked(entry), _full_disk_errors(entry):
        if not finished.exists():
            _compute(part, record, count, read, function, label)
            os.replace(part, finished)
            record.unlink(missing_ok=True)
        os.utime(finished)
    return np.load(finished, mmap_mode="r")  # type: ignore[no-any-return]


def _compute(
    part: Path,
    record: Path,
    count: int,
    read: InputReader,
    function: Callable[[Any], Any],
    label: str,
) -> None:
    """Fills the file `part`, and writes to `record` how many images are done."""
    features, done = _open_unfinished(part, record, count)
    recorded_at = time.monotonic()
    with Progress(label, count - done) as bar:
        for start in range(done, count, BATCH):
            stop = min(start + BATCH, count)
            results = np.asarray(function(read(start, stop)))
            if features is None:
                shape = (count, *results.shape[1:])
                features = np.lib.format.open_memmap(part, "w+", np.float16, shape)
                _reserve(part)
            features[start:stop] = np.clip(results, -FLOAT16_MAX, FLOAT16_MAX)
            bar.advance(stop - start)
            if time.monotonic() - recorded_at >= RECORD_INTERVAL_S:
                features.flush()
                write_file(record, str(stop))
                recorded_at = time.monotonic()
    if features is None:
        raise ValueError("no images to compute features of")
    features.flush()


def _open_unfinished(
    part: Path, record: Path, count: int
) -> tuple[np.memmap[Any, np.dtype[np.float16]] | None, int]:
    """Returns the file of a killed computation and how many images are done, or None and 0."""
    try:
        done = int(record.read_text())
        features = np.lib.format.open_memmap(part, "r+")
    except (OSError, ValueError):
        return None, 0
    if len(features) == count and 0 < done <= count:
        return features, done
    return None, 0


def _reserve(path: Path) -> None:
    """Allocates the disk space of a sparse file.

    Otherwise a write to its memory map would kill the process once the disk is full.
    """
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


@contextmanager
def _full_disk_errors(entry: Path) -> Generator[None, None, None]:
    """Turns the error of a full disk into one line, and removes the folder `entry`."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        shutil.rmtree(entry, ignore_errors=True)
        with suppress(OSError):
            entry.parent.rmdir()
        raise MachineError(
            str(entry.parent.parent),
            "the disk is full, so the features of the images do not fit; "
            "choose another --cache or fewer --variants",
        ) from error
