"""Writes shell commands that move an image to another class or aside, and overwrite nothing."""

import os
import shlex
from pathlib import Path, PurePath

from train.data.image_folder import ImageFolder
from workstation.run_folder import ImageRecord

PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._/")


class MoveCommands:
    """Writes commands for a shell whose current folder is the folder of the images.

    An image keeps its subfolder, which is its object. Each command has a target of its own: where
    the name is taken, a number is added.
    """

    def __init__(self, folder: ImageFolder) -> None:
        self._root = folder.root
        self._class_folder_of = {
            str(file.relative_to(folder.root)): class_folder for class_folder, file in folder.rows()
        }
        self._folders = {(row.split, row.label): row.path for row in folder.class_folders}
        self._aside = PurePath("..", f"{folder.root.resolve().name}-set-aside")
        self._taken: set[PurePath] = set()

    @property
    def start(self) -> str:
        """Returns the command that makes the folder of the images the current one."""
        return f"cd -- {quote(str(self._root.absolute()))}"

    def relabel(self, image: ImageRecord, label: str) -> str:
        """Returns the command that moves an image to another class of its split.

        It is empty if that class has no folder there.
        """
        own = self._class_folder_of[image.path]
        other = self._folders.get((own.split, label))
        if other is None:
            return ""
        inside = (self._root / image.path).relative_to(own.path)
        return self._move(image.path, other.relative_to(self._root) / inside)

    def set_aside(self, image: ImageRecord) -> str:
        """Returns the command that moves an image to a folder beside that of the images."""
        return self._move(image.path, self._aside / image.path)

    def _move(self, source: str, target: PurePath) -> str:
        wanted, number = target, 1
        while target in self._taken or os.path.lexists(self._root / target):
            number += 1
            target = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        self._taken.add(target)
        move = f"mv -n -- {quote(source)} {quote(str(target))}"
        if Path(self._root / target.parent).is_dir():
            return move
        return f"mkdir -p -- {quote(str(target.parent))} && {move}"


def quote(name: str) -> str:
    """Returns a name as one word of a POSIX shell, in printable characters.

    Control characters, bytes that are no UTF-8 and characters without a shape cannot be copied from
    a page, so printf writes them. A shell drops line breaks at the end of what a command prints; a
    name that ends in one is quoted as it is.
    """
    if name.isprintable() or name.endswith("\n"):
        return shlex.quote(name)
    text = "".join(chr(byte) if byte in PLAIN else f"\\{byte:03o}" for byte in os.fsencode(name))
    return f"\"$(printf '{text}')\""
