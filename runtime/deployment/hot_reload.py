"""Reloads a classifier when its bundle is replaced, while the runtime goes on."""

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from runtime.classifier import Classifier
from runtime.errors import QuinceError
from runtime.models.model_spec import ModelSpec
from runtime.system.terminal import say

CHECK_INTERVAL_S = 1.0
"""The time between two looks at the folder.
A look takes some ten calls of `stat`, 0.2 ms on a busy workstation."""
DATA_FILE_ENDINGS = (".data", "_data")
"""What torch.onnx and Hugging Face Optimum append to the name of a model file for its data."""

Entries = tuple[tuple[str, int, int, int], ...]
"""The name, inode, size and modification time of files."""


class ReloadingClassifier:
    """Classifies with the newest working version of a bundle folder or a model file.

    The folder or file may be renamed, linked or copied over at any moment. A new version takes over
    only when it is complete and has classified one grey image; until then, or if it is broken, the
    old one goes on. Labels, preprocessing and model always come from one bundle, under one `id`.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        artifact: str | None = None,
        threads: int | None = None,
        spec: ModelSpec | None = None,
        every_s: float = CHECK_INTERVAL_S,
        report: Callable[[str], None] = say,
    ) -> None:
        """Opens the version that is there now; the arguments are those of `Classifier`.

        every_s: seconds between two looks for a new version.
        report: takes one line when a new version takes over or is refused.

        Raises:
            QuinceError: as `Classifier` does; a later version that is broken raises nothing.
        """
        self._path, self._artifact, self._threads, self._spec = Path(path), artifact, threads, spec
        self._every_s, self._report = every_s, report
        self._failed_once: Entries | None = None
        self._refused: Entries | None = None
        with _held_open(self._path) as folder:
            self._loaded = _entries(folder)
            self._classifier = self._open(folder)
        self._next_look = time.monotonic() + every_s

    def current(self) -> Classifier:
        """Returns the classifier for the next image.

        Every `every_s` seconds this looks for a new version, and loads it; in between it is free.
        """
        if time.monotonic() >= self._next_look:
            self._look()
            self._next_look = time.monotonic() + self._every_s
        return self._classifier

    def _look(self) -> None:
        with _held_open(self._path) as folder:
            entries = _entries(folder)
            if entries in (self._loaded, self._refused):
                return
            try:
                new = self._open(folder)
            except Exception as error:  # whatever a new bundle causes, the old one goes on
                self._note_failure(error, entries, folder)
                return
        if new.id != self._classifier.id:
            self._report(
                f"{self._path}: bundle {new.id} has taken the place of {self._classifier.id}"
            )
        self._classifier, self._loaded = new, entries
        self._failed_once = self._refused = None

    def _note_failure(self, error: Exception, entries: Entries, folder: Path) -> None:
        """Refuses a version that fails twice without a change in between: nobody copies it now."""
        if entries == self._failed_once and entries == _entries(folder):
            self._refused = entries
            reason = _reason(error).replace(str(folder), str(self._path))
            self._report(
                f"{self._path}: the new bundle is not used, {self._classifier.id} goes on: {reason}"
            )
        self._failed_once = entries

    def _open(self, folder: Path) -> Classifier:
        try:
            classifier = Classifier(
                folder, artifact=self._artifact, threads=self._threads, spec=self._spec
            )
        except QuinceError as error:
            raise type(error)(
                error.thing.replace(str(folder), str(self._path)), error.reason
            ) from error
        if folder != self._path:
            classifier.file = self._path / classifier.file.name
        classifier.scores(np.full(classifier.preprocessing.shape, 127, np.uint8))
        return classifier


@contextmanager
def _held_open(path: Path) -> Generator[Path, None, None]:
    """Yields a name that stays with the folder now at `path` when another takes its place.

    Thus files that are read through it never come from two bundles. Linux has such names.
    Elsewhere, and for a file, this is `path` itself; a mixture then fails the manifest's sha256.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, AttributeError):  # this is no folder, or not Linux
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
    """Returns the entries of the folder's files, or of the file; replacing one changes them."""
    try:
        if not os.path.isdir(path):
            files = [path, *(path.with_name(path.name + ending) for ending in DATA_FILE_ENDINGS)]
            return tuple(_entry(file.name, os.stat(file)) for file in files if file.exists())
        with os.scandir(path) as folder:
            return tuple(sorted(_entry(file.name, file.stat()) for file in folder))
    except OSError:  # between the old version and the new one
        return ()


def _entry(name: str, status: os.stat_result) -> tuple[str, int, int, int]:
    return name, status.st_ino, status.st_size, status.st_mtime_ns
