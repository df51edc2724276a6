"""Lists the images of an inbox and moves them to class folders.

DIR/new              images that nobody labelled yet
DIR/labelled/CLASS   labelled images, as `train` takes them
DIR/unusable         images that nobody shall see again

The place of a file is all that is known of its label: nothing else can disagree with it. Each move
is a rename, so a kill at any moment loses nothing. A lock makes two people, or two programs, take
turns; who moves an image that another moved before is told so.
"""

import os
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runtime.errors import InputRefused
from runtime.inbox.names import burst_of, escape_surrogates, folder_name, is_image_name, reason_of
from runtime.sources.paths import FILE_MANAGER_NAMES, subfolders
from runtime.system.atomic_files import locked, move_files

NEW, LABELLED, UNUSABLE = "new", "labelled", "unusable"
CLASS_PREFIX = f"{LABELLED}/"
"""A place is NEW, UNUSABLE, or this and the name of a class."""
MAX_LISTED = 1000


class InboxImage(NamedTuple):
    """Names an image in a place; burst and reason are "" for the file of another program."""

    name: str
    burst: str
    reason: str


class Inbox:
    """Holds the images of a folder by place; several threads and processes may use it."""

    def __init__(self, folder: Path) -> None:
        """Takes a folder that exists.

        Raises:
            InputRefused: there is no such folder.
        """
        if not folder.is_dir():
            reason = "not a folder" if folder.exists() else "no such folder"
            raise InputRefused(str(folder), f"{reason}; expected what `quince run collect` writes")
        self.folder = folder

    def classes(self) -> dict[str, int]:
        """Returns the number of images of each class that has some, by name."""
        labelled = self.folder / LABELLED
        folders = subfolders(labelled) if labelled.is_dir() else []
        counts = {escape_surrogates(path.name): len(image_names(path)) for path in folders}
        return {name: count for name, count in counts.items() if count}

    def images(self, place: str) -> tuple[list[InboxImage], int]:
        """Returns the first images of a place by name, so that bursts are together, and the total.

        Raises:
            InputRefused: no place.
        """
        names = sorted(image_names(self._path(place)))
        shown = [InboxImage(name, burst_of(name), reason_of(name)) for name in names[:MAX_LISTED]]
        return shown, len(names)

    def count(self, place: str) -> int:
        """Returns how many images are in a place.

        Raises:
            InputRefused: no place.
        """
        return len(image_names(self._path(place)))

    def image_path(self, place: str, name: str) -> Path:
        """Returns the path of an image in a place, whether it is there or not.

        Raises:
            InputRefused: no place, or no name of an image.
        """
        if not is_image_name(name):
            raise InputRefused("image", f"expected the name of an image, found {name[:50]!r}")
        return self._path(place) / name

    def move(self, names: Sequence[str], source: str, target: str) -> list[str]:
        """Moves images from one place to another; returns those that were still at the first.

        Raises:
            InputRefused: no place, the same place twice, or no name of an image.
            MachineError: the disk is full, or does not let this user write.
        """
        if self._path(source) == self._path(target):
            raise InputRefused("place", f"expected another one than {target[:50]!r}")
        with locked(self.folder):
            moves = [(self.image_path(source, name), self._path(target) / name) for name in names]
            moved = move_files(moves)
            self._remove_empty_classes()
        return [name for name, is_moved in zip(names, moved, strict=True) if is_moved]

    def _remove_empty_classes(self) -> None:
        """Removes class folders without files, which a training would refuse."""
        labelled = self.folder / LABELLED
        for path in subfolders(labelled) if labelled.is_dir() else []:
            with suppress(OSError):
                path.rmdir()

    def _path(self, place: str) -> Path:
        """Returns the folder of a place."""
        if place in (NEW, UNUSABLE):
            return self.folder / place
        label = unicodedata.normalize("NFC", place.removeprefix(CLASS_PREFIX)).strip()
        name = folder_name(label)
        if not place.startswith(CLASS_PREFIX) or not name or name.lower() in FILE_MANAGER_NAMES:
            raise InputRefused(
                "place", f"expected {NEW}, {UNUSABLE} or a class, found {place[:50]!r}"
            )
        return self.folder / LABELLED / name


def image_names(folder: Path) -> list[str]:
    """Returns the names of the images directly in a folder; none if there is no such folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        return [
            entry.name
            for entry in entries
            if is_image_name(entry.name) and entry.is_file(follow_symlinks=False)
        ]
    return []
