"""Finds the images of an external model: a folder per class to verify with, others to calibrate."""

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
from runtime.system.cpu_quota import allowed_cores
from runtime.system.hashing import sha256_of
from workstation.run_folder import ImageRecord, Split

SMALLEST = Preprocessing(1, 1)
"""The geometry that is decoded fastest, only to see whether an image is whole."""
MAX_NAMES = 5
"""How many refused files, or class names, a note lists; it counts the others."""


@dataclass(frozen=True)
class ExternalImages:
    """The images of both folders.

    root: the folder that both lie in. images: relative to it, split "test" to verify with and
        "train" to calibrate with. notes: what was left out or is missing, each in one line.
    """

    root: Path
    images: tuple[ImageRecord, ...]
    notes: tuple[str, ...]


def find_external_images(
    verify: Path, calib: Path | None, labels: tuple[str, ...]
) -> ExternalImages:
    """Finds the images to verify with and to calibrate with.

    Files that are no images are left out, and so are calibration images whose content is in
    `verify` too.

    Raises:
        InputRefused: a folder is missing or holds no images, a class folder is no label, or no
            image is left to calibrate with.
    """
    test_paths = [
        (label, path) for label, folder in class_folders(verify, labels) for path in walk(folder)
    ]
    calib_paths = [("", path) for path in _calibration_paths(calib)] if calib else []
    root = Path(os.path.commonpath([folder.resolve() for folder in (verify, calib) if folder]))
    tests, notes = _read(test_paths, root, "test", "verification images")
    tests = _with_objects(tests, verify, root)
    if not tests:
        raise InputRefused(str(verify), "holds no images to verify with")
    notes += _missing_labels(verify, labels, tests)
    if not calib:
        return ExternalImages(root, tuple(tests), tuple(notes))
    whole, calib_notes = _read(calib_paths, root, "train", "calibration images")
    held_out = {image.sha256 for image in tests}
    kept = [image for image in whole if image.sha256 not in held_out]
    notes += calib_notes
    if len(kept) < len(whole):
        left_out = f"left out {len(whole) - len(kept)} of {len(whole)} calibration images"
        notes.append(f"{calib}: {left_out}, which are also in {verify}")
    if not kept:
        raise InputRefused(
            str(calib),
            f"no image is left to calibrate with: each is also in {verify}, or is no image;"
            " pass a folder of other images with --calib",
        )
    return ExternalImages(root, (*tests, *kept), tuple(notes))


def _calibration_paths(calib: Path) -> list[Path]:
    if not calib.is_dir():
        reason = "not a folder" if calib.exists() else "no such folder"
        raise InputRefused(str(calib), f"{reason} (--calib)")
    paths = list(walk(calib))
    if not paths:
        raise InputRefused(str(calib), "holds no images to calibrate with")
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


def _with_objects(tests: list[ImageRecord], verify: Path, root: Path) -> list[ImageRecord]:
    """Adds the object that an image shows: the folder inside its class folder that it lies in.

    A class with all its images in one such folder has no objects. Training has the same rule
    (`train.data.groups`).
    """
    base = os.path.relpath(verify.resolve(), root)
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


def _missing_labels(verify: Path, labels: Sequence[str], tests: Sequence[ImageRecord]) -> list[str]:
    present = {image.label for image in tests}
    missing = [label for label in labels if label not in present]
    if not missing:
        return []
    names = ", ".join(missing[:MAX_NAMES])
    if len(missing) > MAX_NAMES:
        names += f" and {len(missing) - MAX_NAMES} more"
    classes = counted(len(missing), "class", "classes")
    return [f"{verify}: no images of {classes} ({names}), so their accuracy stays unknown"]
