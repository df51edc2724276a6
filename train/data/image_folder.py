"""Lists the files of an image folder, once for a training; chooses the input size for them."""

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.errors import ImageRefused, InputRefused
from runtime.images.decoding import header_size, read_image
from runtime.images.region import Region, region_size
from runtime.sources.paths import subfolders, walk
from train.data.folder_layout import LAYOUT, LabelledFolder, find_class_folders
from workstation.run_folder import Split

STRIDE = 32
"""Sizes are multiples of the factor by which the backbones shrink an image."""
MAX_FILES = 200
GOOD = "Training/good, with Test/good for good ones to measure"


@dataclass(frozen=True)
class ClassFolder:
    """Lists the files of one class, in the order of `walk`.

    path: the folder itself. split: None where no folder name sets it.
    """

    path: Path
    split: Split | None
    label: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class ImageFolder:
    """Lists the files below `root` when it was scanned; none of them has been opened.

    labels: the class names, sorted, in Unicode's composed form (NFC).
    outside: the files that are in no class folder.
    left_out: what a walk leaves out: hidden names, files of file managers, links to a parent.
    note: a sentence where a level of folders was skipped, else empty.
    """

    root: Path
    labels: tuple[str, ...]
    class_folders: tuple[ClassFolder, ...]
    outside: tuple[Path, ...]
    left_out: tuple[Path, ...] = ()
    note: str = ""

    def rows(self) -> list[tuple[ClassFolder, Path]]:
        """Returns each file of a class folder, with that folder."""
        return [(folder, file) for folder in self.class_folders for file in folder.files]

    def files(self) -> list[Path]:
        """Returns all files, sorted by the bytes of their names within each folder."""
        inside = (file for _, file in self.rows())
        return sorted((*inside, *self.outside), key=_name_bytes)


def scan_image_folder(root: Path, *, one_class: bool = False) -> ImageFolder:
    """Lists every file below `root` and checks that its folders form a data set.

    With `one_class` the images may lie in `root` itself, and test folders of other classes get the
    split "strange": they show what is none of the class.

    Raises:
        InputRefused: there is no class folder, only one (with `one_class`: several), or an empty
            one, or a split has a class that the training folder lacks.
        MachineError: this user may not list a folder.
    """
    if one_class and os.path.isdir(root) and not subfolders(root):
        label = unicodedata.normalize("NFC", os.path.basename(os.path.realpath(root)))
        folders, note = [LabelledFolder(None, label, root)], ""
    else:
        folders, note = find_class_folders(root)
    labels = sorted({folder.label for folder in folders if folder.split in ("train", None)})
    if not labels:
        layout = f"{LAYOUT}; images of good parts alone need --one-class"
        if one_class:
            layout = f"put the images of Training into a folder of their class, as {GOOD}"
        raise InputRefused(str(root), f"no class folders; {layout}")
    _require_class_count(root, labels, one_class=one_class)
    class_folders = []
    left_out: list[Path] = []
    for folder in folders:
        split, label, path = folder.split, folder.label, folder.path
        if label not in labels and one_class and split == "test":
            split = "strange"
        elif label not in labels:
            raise InputRefused(
                str(path),
                f"a class of the {split} folder that the training folder does not have; "
                "add it there or remove it here",
            )
        files = tuple(walk(path, left_out=left_out))
        if not files:
            raise InputRefused(str(path), "an empty class folder; put images in it or remove it")
        class_folders.append(ClassFolder(path, split, label, files))
    outside = tuple(walk(root, {folder.path for folder in folders}, left_out))
    return ImageFolder(root, tuple(labels), tuple(class_folders), outside, tuple(left_out), note)


def _require_class_count(root: Path, labels: Sequence[str], *, one_class: bool) -> None:
    if one_class and len(labels) > 1:
        raise InputRefused(
            str(root),
            f"expected one folder of good parts with --one-class, found {len(labels)}"
            f" ('{labels[0]}', '{labels[1]}'); keep the good one, or leave out --one-class",
        )
    if not one_class and len(labels) < 2:
        raise InputRefused(
            str(root),
            f"only one class, '{labels[0]}'; a classifier needs at least 2. To learn what good"
            " parts look like from their images alone, add --one-class",
        )


def choose_input_size(
    files: Sequence[Path],
    native_size: int,
    min_size: int = STRIDE,
    region: Region | None = None,
) -> int:
    """Returns the side of the input in pixels: `native_size`, or less for smaller images.

    Of the images only `region` counts.

    `native_size` is the side that the backbone was trained at. For smaller images the side is the
    multiple of 32 next below the median of their shorter sides, but at least the multiple of 32
    next above `min_size`. The median is over some 200 files, spread evenly over `files`; a file
    that is no image is skipped.
    """
    sides = []
    for path in files[:: max(1, len(files) // MAX_FILES)]:
        try:
            sides.append(min(region_size(header_size(read_image(path)), region)))
        except ImageRefused:
            continue
    if not sides:
        return native_size
    lowest = -(-min_size // STRIDE) * STRIDE
    return min(native_size, max(lowest, int(np.median(sides)) // STRIDE * STRIDE))


def _name_bytes(path: Path) -> list[bytes]:
    return [os.fsencode(part) for part in path.parts]
