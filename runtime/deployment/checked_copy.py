"""Copies a bundle, and repeats its golden images with the copy, before anybody uses that.

Installing, publishing and fetching a bundle trust it only after this.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from runtime.bundles.bundle import (
    CALIBRATION,
    CARD,
    EXAMPLES,
    LABELS,
    MANIFEST,
    PARITY,
    REPORT,
    SIGNATURE,
    SIGNED,
    Bundle,
)
from runtime.bundles.contents import check_contents
from runtime.bundles.device_scores import FILE as DEVICES
from runtime.bundles.golden_images import FILE, FOLDER, pixels_file, read_golden
from runtime.bundles.integrity import RECORDS, records_changed
from runtime.deployment.signature import check_signed
from runtime.deployment.verification import verify_all
from runtime.errors import CheckFailed, InputRefused, MachineError
from runtime.images.decoding import read_image
from runtime.system.json_records import read_content, read_text
from runtime.system.terminal import escape_control_chars


class CopyCheck(NamedTuple):
    """Reports how many golden images each model file in `checked` answered as at export.

    unchecked: the model files that cannot run here.
    """

    images: int
    checked: tuple[str, ...]
    unchecked: tuple[str, ...]


def open_unchanged(path: Path) -> Bundle:
    """Opens a bundle that holds its own files and no others, with the records of its export.

    Raises:
        InputRefused: a file is missing, damaged, changed, a link, or in no list.
    """
    bundle = Bundle.open(path)
    bundle.exported()
    _refuse_links(path)
    check_contents(bundle, read_golden(path))
    if records_changed(bundle):
        changed = f"changed since export, in one of {', '.join((*RECORDS, EXAMPLES))}"
        raise InputRefused(str(path), f"{changed}; copy the bundle again")
    return bundle


def copy_and_verify(
    bundle: Bundle, folder: Path, threads: int | None = None, signers: Path | None = None
) -> CopyCheck:
    """Copies a bundle's own files into an empty folder, and verifies the copy.

    With `signers`, the copy must be signed, because the bundle may have changed meanwhile.

    Raises:
        InputRefused: a file is damaged.
        CheckFailed: a model file answers otherwise here than at export.
        MachineError: none of its model files can run here.
    """
    _copy(bundle, folder)
    if signers:
        check_signed(folder, signers)
    copied = Bundle.open(folder)
    images, checked = 0, []
    for result in verify_all(copied, None, threads):
        if isinstance(result, MachineError):
            continue
        if not result.passed:
            raise CheckFailed(
                str(bundle.path),
                f"refused: {result.artifact} differs here at the stage '{result.stage}';"
                f" more with: verify {bundle.path}",
            )
        images = result.images
        checked.append(result.artifact)
    files = [artifact.file for artifact in copied.exported()]
    return CopyCheck(images, tuple(checked), tuple(file for file in files if file not in checked))


def describe_check(images: int, checked: Sequence[str], unchecked: Sequence[str]) -> list[str]:
    """Returns the parts of a `CopyCheck` as lines for people."""
    lines = [
        f"  checked here: {images} golden images answered as at export: {', '.join(checked)}",
        f"  not checked, because an interpreter is missing: {', '.join(unchecked)}",
    ]
    return [escape_control_chars(line) for line in lines[: 2 if unchecked else 1]]


def _refuse_links(path: Path) -> None:
    """Raises InputRefused if a file of a bundle is a link, which could lead to any file."""
    for folder, folders, files in os.walk(path):
        for name in sorted((*folders, *files)):
            if (inner := Path(folder, name)).is_symlink() and name[0] != ".":
                raise InputRefused(
                    str(inner), "a link, not a regular file; copy the bundle with cp -rL first"
                )


def _copy(bundle: Bundle, folder: Path) -> None:
    """Copies only a bundle's own files, each a regular file; model files must have their sha256."""
    (folder / MANIFEST).write_bytes(read_content(bundle.path / MANIFEST, "not a bundle"))
    for artifact in bundle.manifest.artifacts:
        (folder / artifact.file).write_bytes(bundle.read(artifact))
    for name in (LABELS, REPORT, PARITY, CALIBRATION, CARD, SIGNED, SIGNATURE):
        if (bundle.path / name).exists():
            text = read_text(bundle.path / name, "not a bundle", errors="surrogateescape")
            (folder / name).write_text(text, "utf-8", "surrogateescape")
    if (bundle.path / EXAMPLES).exists():
        (folder / EXAMPLES).write_bytes(read_content(bundle.path / EXAMPLES, "not a bundle"))
    files = [Path(name) for name in (FILE, DEVICES) if (bundle.path / FOLDER / name).exists()]
    for golden_image in read_golden(bundle.path):
        files.append(Path(golden_image.file))
        if (bundle.path / FOLDER / pixels_file(golden_image)).exists():
            files.append(pixels_file(golden_image))
    for file in files:
        target = folder / FOLDER / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read_image(bundle.path / FOLDER / file))
