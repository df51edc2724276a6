"""Moves bundles between the folder in use, `fruit`, and `fruit.previous`, and loses neither.

While a bundle is exchanged, the folder `.fruit.replaced-by-ID` holds first the new bundle, whose id
is ID, and then the replaced one. If the process is interrupted between two renames, that folder
stays. The next run calls `recover_interrupted`, which moves it to its final name.
"""

import os
import shutil
from glob import escape
from pathlib import Path

from runtime.bundles.bundle import MANIFEST, Bundle
from runtime.bundles.golden_images import FILE, FOLDER
from runtime.errors import InputRefused, QuinceError
from runtime.system.atomic_files import exchange, scratch_folder

RUN_FOLDER_MODEL = "model.keras"
"""A file that every run folder has and no bundle has.
It repeats workstation.run_folder.MODEL, because the device has no package `workstation`."""


def real_folder(in_use: Path) -> Path:
    """Returns the folder that `in_use` stands for, links followed.

    Raises:
        InputRefused: this is the root of a disk, or a link to nothing.
    """
    if in_use.is_symlink() and not in_use.exists():
        raise InputRefused(
            str(in_use),
            f"is a link to {os.readlink(in_use)}, which is not there;"
            " make that folder or remove the link",
        )
    real = in_use.resolve()
    if not real.name:
        raise InputRefused(str(in_use), "expected a folder for a bundle, found the root of a disk")
    return real


def previous_path(real: Path) -> Path:
    """Returns the path where the replaced bundle is kept."""
    return real.with_name(f"{real.name}.previous")


def staging_path(real: Path, new_id: str) -> Path:
    """Returns the path where the bundle with this id waits until it is activated."""
    return real.with_name(f".{real.name}.replaced-by-{new_id}")


def refuse_other_content(folder: Path, name: str) -> None:
    """Raises InputRefused unless `folder` is missing, empty or a bundle; errors call it `name`.

    Nothing else is ever replaced.
    """
    if folder.is_symlink():
        raise InputRefused(
            name, "is a link, where a bundle folder or nothing was expected; move it away"
        )
    if not folder.exists() or _is_empty(folder):
        return
    is_bundle = (folder / MANIFEST).is_file() and (folder / FOLDER / FILE).is_file()
    if not is_bundle or (folder / RUN_FOLDER_MODEL).exists():
        raise InputRefused(name, "is there already and is not a bundle; move it away")


def open_intact(path: Path) -> Bundle:
    """Opens the bundle at `path` and reads each of its model files.

    Raises:
        InputRefused: this is no bundle, or one of its model files is damaged.
    """
    bundle = Bundle.open(path)
    for artifact in bundle.manifest.artifacts:
        bundle.read(artifact)
    return bundle


def open_if_intact(path: Path) -> Bundle | None:
    """Returns the bundle at `path`; None if there is none, or one not worth keeping."""
    try:
        return open_intact(path)
    except InputRefused:
        return None


def activate(new_id: str, real: Path) -> None:
    """Moves the staged bundle to its place.

    The bundle that was there is kept as the previous one if it is intact and another.
    """
    staged = staging_path(real, new_id)
    if not real.exists():
        os.rename(staged, real)
    elif not exchange(staged, real):
        with scratch_folder(real.parent) as scratch:
            os.rename(staged, scratch / "new")
            os.rename(real, staged)
            os.rename(scratch / "new", real)
    recover_interrupted(real)


def swap_with_previous(previous_bundle_id: str, real: Path) -> None:
    """Exchanges the bundle in use and the previous one, which has this id."""
    previous = previous_path(real)
    if not real.exists():
        os.rename(previous, real)
    elif not exchange(real, previous):
        staged = staging_path(real, previous_bundle_id)
        os.rename(real, staged)
        os.rename(previous, real)
        os.rename(staged, previous)
    if previous.exists() and _is_empty(previous):
        previous.rmdir()


def recover_interrupted(real: Path) -> None:
    """Completes what an interrupted `activate` or `swap_with_previous` began in this folder."""
    for staged in real.parent.glob(f".{escape(real.name)}.replaced-by-*"):
        bundle = open_if_intact(staged)
        if bundle is None or staged == staging_path(real, bundle.id):
            shutil.rmtree(staged, ignore_errors=True)
        elif not real.exists():
            os.rename(staged, real)
        else:
            with scratch_folder(real.parent) as scratch:
                if previous_path(real).exists():
                    os.rename(previous_path(real), scratch / "old")
                os.rename(staged, previous_path(real))


def previous_id(real: Path) -> str | None:
    """Returns the id of the bundle that `swap_with_previous` would restore; None without one."""
    try:
        return open_intact(previous_path(real)).id
    except QuinceError:
        return None


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
