"""Finds the images of an external model: a folder per class to test with, others to calibrate."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.errors import ImageRefused, InputRefused
from runtime.images.decoding import decode, read_image
from runtime.images.preprocessing import Preprocessing
from runtime.shared.class_folders import class_folders
from runtime.shared.progress import track
from runtime.shared.wording import counted
from runtime.sources.paths import walk
from runtime.system.cgroups import allowed_cores
from runtime.system.hashing import sha256_of
from workstation.run_folder import ImageRecord, Split

SMALLEST = Preprocessing(1, 1)
"""The geometry that is decoded fastest, only to see whether an image is whole."""
MAX_NAMES = 5
"""How many refused files, or class names, a note lists; it counts the others."""


@dataclass(frozen=True)
class ExternalImages:
    """The images of both folders.

    root: the folder that both lie in. images: relative to it, split "test" to test with and
        "train" to calibrate with. notes: what was left out or is missing, each in one line.
    """

    root: Path
    images: tuple[ImageRecord, ...]
    notes: tuple[str, ...]


def find_external_images(
    test_data: Path, calibration_data: Path | None, labels: tuple[str, ...]
) -> ExternalImages:
    """Finds the images to test with and to calibrate with.

    Files that are no images are left out, and so are calibration images whose content is in
    `test_data` too.

    Raises:
        InputRefused: a folder is missing or holds no images, a class folder is no label, or no
            image is left to calibrate with.
    """
    test_paths = [
        (label, path) for label, folder in class_folders(test_data, labels) for path in walk(folder)
    ]
    calib_paths = (
        [("", path) for path in _calibration_paths(calibration_data)] if calibration_data else []
    )
    root = Path(
        os.path.commonpath([folder.resolve() for folder in (test_data, calibration_data) if folder])
    )
    tests, notes = _read(test_paths, root, "test", "test images")
    tests = _with_objects(tests, test_data, root)
    if not tests:
        raise InputRefused(str(test_data), "holds no images to test with")
    notes += _missing_labels(test_data, labels, tests)
    if not calibration_data:
        return ExternalImages(root, tuple(tests), tuple(notes))
    whole, calib_notes = _read(calib_paths, root, "train", "calibration images")
    held_out = {image.sha256 for image in tests}
    kept = [image for image in whole if image.sha256 not in held_out]
    notes += calib_notes
    if len(kept) < len(whole):
        left_out = f"left out {len(whole) - len(kept)} of {len(whole)} calibration images"
        notes.append(f"{calibration_data}: {left_out}, which are also in {test_data}")
    if not kept:
        raise InputRefused(
            str(calibration_data),
            f"no image is left to calibrate with: each is also in {test_data}, or is no image;"
            " pass a folder of other images with --calibration-data",
        )
    return ExternalImages(root, (*tests, *kept), tuple(notes))


def _calibration_paths(calibration_data: Path) -> list[Path]:
    if not calibration_data.is_dir():
        reason = "not a folder" if calibration_data.exists() else "no such folder"
        raise InputRefused(str(calibration_data), f"{reason} (--calibration-data)")
    paths = list(walk(calibration_data))
    if not paths:
        raise InputRefused(str(calibration_data), "holds no images to calibrate with")
    return paths


def _read(
    rows: Sequence[tuple[str, Path]], root: Path, split: Split, title: str
) -> tuple[list[ImageRecord], list[str]]:
    """Reads labelled files on all cores; returns the images, and notes on what is no image."""

    def read(row: tuple[str, Path]) -> ImageRecord | ImageRefused:
        label, path = row
        try:
            content = read_image(path)
            decode(content, SMALLEST.decode_side, str(path))
        except ImageRefused as refusal:
            return ImageRefused(str(path), refusal.reason)
        return ImageRecord(split, label, os.path.relpath(path.resolve(), root), sha256_of(content))

    with ThreadPoolExecutor(allowed_cores()) as pool:
        results = list(track(pool.map(read, rows), title, len(rows)))
    refused = [result for result in results if isinstance(result, ImageRefused)]
    notes = [f"left out {refusal}" for refusal in refused[:MAX_NAMES]]
    if len(refused) > MAX_NAMES:
        more = counted(len(refused) - MAX_NAMES, "more file")
        notes.append(f"left out {more}, no images either")
    return [result for result in results if isinstance(result, ImageRecord)], notes


def _with_objects(tests: list[ImageRecord], test_data: Path, root: Path) -> list[ImageRecord]:
    """Adds the object that an image shows: the folder inside its class folder that it lies in.

    A class with all its images in one such folder has no objects. Training has the same rule
    (`train.data.groups`).
    """
    base = os.path.relpath(test_data.resolve(), root)
    folders = [Path(os.path.relpath(image.path, base)).parent.parts for image in tests]
    members: dict[str, set[tuple[str, ...]]] = {}
    for image, parts in zip(tests, folders, strict=True):
        members.setdefault(image.label, set()).add(parts[1:])
    return [
        replace(image, group="/".join((image.label, *parts[1:])))
        if parts[1:] and len(members[image.label]) > 1
        else image
        for image, parts in zip(tests, folders, strict=True)
    ]


def _missing_labels(
    test_data: Path, labels: Sequence[str], tests: Sequence[ImageRecord]
) -> list[str]:
    present = {image.label for image in tests}
    missing = [label for label in labels if label not in present]
    if not missing:
        return []
    names = ", ".join(missing[:MAX_NAMES])
    if len(missing) > MAX_NAMES:
        names += f" and {len(missing) - MAX_NAMES} more"
    classes = counted(len(missing), "class", "classes")
    return [f"{test_data}: no images of {classes} ({names}), so their accuracy stays unknown"]
