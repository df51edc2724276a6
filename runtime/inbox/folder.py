"""Lists the images of an inbox and moves them to class folders.

DIR/new              images that nobody labelled yet
DIR/labelled/CLASS   labelled images, as `train` takes them
DIR/unusable         images that nobody shall see again

An image is new, unusable, or in the pile of a class. Its folder is all that is known of its label:
nothing else can disagree with it. Each move is a rename, so a kill at any moment loses nothing. A
lock makes two people, or two programs, take turns; who moves an image that another moved before
learns that.
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
"""A pile is NEW, UNUSABLE, or this and the name of a class."""
MAX_LISTED = 1000


class InboxImage(NamedTuple):
    """Names an image in a pile; burst and reason are "" for the file of another program."""

    name: str
    burst: str
    reason: str


class Inbox:
    """Holds the images of a folder by pile; several threads and processes may use it."""

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
        counts = {name: len(image_names(path)) for name, path in self._class_folders().items()}
        return {name: count for name, count in counts.items() if count}

    def images(self, pile: str) -> tuple[list[InboxImage], int]:
        """Returns the first images of a pile by name, so that bursts are together, and the total.

        Raises:
            InputRefused: no pile.
        """
        names = sorted(image_names(self.path(pile)))
        shown = [InboxImage(name, burst_of(name), reason_of(name)) for name in names[:MAX_LISTED]]
        return shown, len(names)

    def count(self, pile: str) -> int:
        """Returns how many images are in a pile.

        Raises:
            InputRefused: no pile.
        """
        return len(image_names(self.path(pile)))

    def image_path(self, pile: str, name: str) -> Path:
        """Returns the path of an image in a pile, whether it is there or not.

        Raises:
            InputRefused: no pile, or no name of an image.
        """
        return self.path(pile) / _checked(name)

    def move(self, names: Sequence[str], source: str, target: str) -> list[str]:
        """Moves images from one pile to another; returns those that were still at the first.

        Raises:
            InputRefused: no pile, the same pile twice, or no name of an image.
            MachineError: the disk is full, or does not let this user write.
        """
        old, new = self.path(source), self.path(target)
        if old == new:
            raise InputRefused("pile", f"expected another one than {target[:50]!r}")
        with locked(self.folder):
            moved = move_files([(old / _checked(name), new / name) for name in names])
            self._remove_empty_classes()
        return [name for name, is_moved in zip(names, moved, strict=True) if is_moved]

    def path(self, pile: str) -> Path:
        """Returns the folder of a pile, whether it is there or not.

        A class folder that a person made may have a name that `folder_name` would change.

        Raises:
            InputRefused: no pile.
        """
        if pile in (NEW, UNUSABLE):
            return self.folder / pile
        written = pile.removeprefix(CLASS_PREFIX)
        label, found = _plain(written), self._class_folders()
        name = folder_name(label)
        if not pile.startswith(CLASS_PREFIX) or not name or name.lower() in FILE_MANAGER_NAMES:
            raise InputRefused(
                "pile", f"expected {NEW}, {UNUSABLE} or a class, found {pile[:50]!r}"
            )
        similar = {_plain(other): path for other, path in found.items()}
        return found.get(written) or similar.get(label) or self.folder / LABELLED / name

    def _class_folders(self) -> dict[str, Path]:
        labelled = self.folder / LABELLED
        folders = subfolders(labelled) if labelled.is_dir() else []
        return {escape_surrogates(path.name): path for path in folders}

    def _remove_empty_classes(self) -> None:
        """Removes class folders without files, which a training would refuse."""
        for path in self._class_folders().values():
            with suppress(OSError):
                path.rmdir()


def _plain(label: str) -> str:
    """Returns a name as one of several Unicode forms, without spaces around it."""
    return unicodedata.normalize("NFC", label).strip()


def _checked(name: str) -> str:
    if not is_image_name(name):
        raise InputRefused("image", f"expected the name of an image, found {name[:50]!r}")
    return name


def image_names(folder: Path) -> list[str]:
    """Returns the names of the images directly in a folder; none if there is no such folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        return [
            entry.name
            for entry in entries
            if is_image_name(entry.name) and entry.is_file(follow_symlinks=False)
        ]
    return []
