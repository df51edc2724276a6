"""A bundle may be replaced while the runtime runs: the newest one that works answers."""

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from runtime import cli
from runtime.classifier import Classifier
from runtime.errors import QuinceError
from runtime.foreign import Foreign

EVERY_S = 1.0
"""How often the folder is looked at, which takes some ten calls of `stat`: 0.2 ms on a busy workstation."""

Entries = tuple[tuple[str, int, int, int], ...]


class Updating:
    """The classifier of a bundle folder, or of a model file, that may be replaced at any moment: renamed, linked or copied over.

    A new one takes the place of the old only when it is whole and has classified one grey picture; until then, and where it is broken,
    the old one goes on. What is in memory is always one bundle's: its labels, its preprocessing and its model, under one `id`.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        artifact: str | None = None,
        threads: int | None = None,
        foreign: Foreign | None = None,
        every_s: float = EVERY_S,
        report: Callable[[str], None] = cli.say,
    ) -> None:
        """Opens what is there now; arguments as of `Classifier`.

        every_s: how often to look for another one. report: takes one line when another one answers, or is refused.

        Raises:
            QuinceError: as `Classifier` does; only a later one that is broken raises nothing.
        """
        self._path, self._artifact, self._threads, self._foreign = Path(path), artifact, threads, foreign
        self._every_s, self._report = every_s, report
        self._doubted: Entries | None = None
        self._refused: Entries | None = None
        with _held(self._path) as place:
            self._loaded = _entries(place)
            self._classifier = self._open(place)
        self._next_look = time.monotonic() + every_s

    def current(self) -> Classifier:
        """The classifier to use for the next picture. Costs nothing but every `every_s` seconds; then, loading where there is another."""
        if time.monotonic() >= self._next_look:
            self._look()
            self._next_look = time.monotonic() + self._every_s
        return self._classifier

    def _look(self) -> None:
        with _held(self._path) as place:
            found = _entries(place)
            if found in (self._loaded, self._refused):
                return
            try:
                fresh = self._open(place)
            except Exception as error:  # whatever a new bundle brings about, the old one answers on
                if found == self._doubted and found == _entries(place):  # nobody is copying into it any more: this is how it is meant
                    self._refused = found
                    reason = _reason(error).replace(str(place), str(self._path))
                    self._report(f"{self._path}: the new bundle is not used, {self._classifier.id} goes on: {reason}")
                self._doubted = found
                return
        if fresh.id != self._classifier.id:
            self._report(f"{self._path}: bundle {fresh.id} has taken the place of {self._classifier.id}")
        self._classifier, self._loaded = fresh, found
        self._doubted = self._refused = None

    def _open(self, place: Path) -> Classifier:
        try:
            classifier = Classifier(place, artifact=self._artifact, threads=self._threads, foreign=self._foreign)
        except QuinceError as error:
            raise type(error)(error.thing.replace(str(place), str(self._path)), error.reason) from error
        classifier.file = self._path / classifier.file.name if place != self._path else classifier.file
        shape = (classifier.preprocessing.height, classifier.preprocessing.width, 3)
        classifier.scores(np.full(shape, 127, np.uint8))
        return classifier


@contextmanager
def _held(path: Path) -> Generator[Path, None, None]:
    """A name for the folder that is at `path` now, which stays that folder's when another takes its place; of a file, `path` itself.

    So what is read through it is never of two bundles. Linux has such names; elsewhere a mixture fails the manifest's sha256.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, AttributeError):  # no folder, or no Linux
        yield path
        return
    try:
        name = Path(f"/proc/self/fd/{descriptor}")
        yield name if name.is_dir() else path
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    if isinstance(error, QuinceError | OSError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _entries(path: Path) -> Entries:
    """Name, inode, size and time of each file in the folder, or of the file: whatever replaces one of them changes this."""
    try:
        if not os.path.isdir(path):
            status = os.stat(path)
            return ((path.name, status.st_ino, status.st_size, status.st_mtime_ns),)
        with os.scandir(path) as folder:
            found = [(entry.name, entry.stat()) for entry in folder]
    except OSError:  # in the moment between the old and the new one
        return ()
    return tuple(sorted((name, status.st_ino, status.st_size, status.st_mtime_ns) for name, status in found))
