"""The pictures given beside a model of someone else's: those to verify with, a folder per class, and those to calibrate with."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runtime import cli
from runtime.class_folders import class_folders
from runtime.digest import digest
from runtime.errors import InputRefused, PictureRefused
from runtime.opening import read_picture
from runtime.preprocess import Preprocessing, decode
from runtime.progress import track
from runtime.run_folder import Picture
from runtime.sources.files import walk
from runtime.threads import allowed_cores

SMALLEST = Preprocessing(1, 1)
"""The geometry at which a picture is decoded soonest, to see that it is whole."""
SHOWN = 5
"""How many files that are no pictures, or class names, are named; the rest are counted."""


def find_pictures(verify: Path, calib: Path | None, labels: tuple[str, ...]) -> tuple[Path, tuple[Picture, ...]]:
    """The folder that both lie in, and the pictures relative to it: split "test" to verify with, "train" to calibrate with.

    A calibration picture that is also there to verify with, by its content, is left out, and so is a file that is no picture; both are
    said.

    Raises:
        InputRefused: a folder is missing or holds no pictures, a class folder is no label, or nothing is left to calibrate with.
    """
    classes = class_folders(verify, labels)
    for_tests = [(label, path) for label, folder in classes for path in walk(folder)]
    for_ranges = [("", path) for path in walk(calib)] if calib and _is_folder(calib, "--calib") else []
    if calib and not for_ranges:
        raise InputRefused(str(calib), "holds no pictures to calibrate with")
    root = Path(os.path.commonpath([folder.resolve() for folder in (verify, calib) if folder]))
    tests = _read(for_tests, root, "test", "verification pictures")
    if not tests:
        raise InputRefused(str(verify), "holds no pictures to verify with")
    _say_absent(verify, [label for label in labels if label not in {picture.label for picture in tests}])
    found = _read(for_ranges, root, "train", "calibration pictures") if calib else []
    held_out = {picture.sha256 for picture in tests}
    ranges = [picture for picture in found if picture.sha256 not in held_out]
    if len(ranges) < len(found):
        cli.say(f"{calib}: left out {len(found) - len(ranges)} of {len(found)} calibration pictures, which are also in {verify}")
    if calib and not ranges:
        raise InputRefused(str(calib), f"no picture is left to calibrate with: each is also in {verify}, or is no picture")
    return root, (*tests, *ranges)


def _is_folder(path: Path, flag: str) -> bool:
    if not path.is_dir():
        raise InputRefused(str(path), f"{'not a folder' if path.exists() else 'no such folder'} ({flag})")
    return True


def _read(rows: list[tuple[str, Path]], root: Path, split: str, what: str) -> list[Picture]:
    def read(row: tuple[str, Path]) -> Picture | PictureRefused:
        label, path = row
        try:
            content = read_picture(path)
            decode(content, SMALLEST, str(path))
        except PictureRefused as refusal:
            return PictureRefused(str(path), refusal.reason)
        return Picture(split, label, os.path.relpath(path.resolve(), root), digest(content))  # type: ignore[arg-type]

    with ThreadPoolExecutor(allowed_cores()) as pool:
        found = list(track(pool.map(read, rows), what, len(rows)))
    _say_refused([one for one in found if isinstance(one, PictureRefused)])
    return [one for one in found if isinstance(one, Picture)]


def _say_refused(refused: list[PictureRefused]) -> None:
    for refusal in refused[:SHOWN]:
        cli.say(f"left out {refusal}")
    if len(refused) > SHOWN:
        cli.say(f"left out {len(refused) - SHOWN} more files that are no pictures")


def _say_absent(verify: Path, absent: Iterable[str]) -> None:
    names = list(absent)
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        cli.say(
            f"{verify}: no pictures of {len(names)} classes ({', '.join(names[:SHOWN])}{more}): how well they are recognised stays unknown"
        )
