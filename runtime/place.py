"""A place for a bundle and the way back beside it: `fruit` and `fruit.previous`; no step between them loses one.

While one is put in the place of another, `.fruit.replaced-by-ID` holds first the new one (whose id is ID), then the replaced one. Who is
interrupted leaves it there, and `finish` brings it to where it belongs at the next run.
"""

import os
import shutil
from glob import escape
from pathlib import Path

from runtime.atomic import exchange, scratch_folder
from runtime.bundle import MANIFEST, Bundle
from runtime.errors import InputRefused, QuinceError
from runtime.golden import FILE, FOLDER
from runtime.run_folder import MODEL


def real_place(place: Path) -> Path:
    """The folder that `place` stands for, links followed.

    Raises:
        InputRefused: the root of a disk, or a link to nothing.
    """
    if place.is_symlink() and not place.exists():
        raise InputRefused(str(place), f"is a link to {os.readlink(place)}, which is not there; make that folder or remove the link")
    real = place.resolve()
    if not real.name:
        raise InputRefused(str(place), "expected a folder for a bundle, found the root of a disk")
    return real


def previous(real: Path) -> Path:
    """Where the bundle is kept that was in this place before."""
    return real.with_name(f"{real.name}.previous")


def staged(real: Path, new_id: str) -> Path:
    """Where the bundle with this id waits for its place."""
    return real.with_name(f".{real.name}.replaced-by-{new_id}")


def refuse_what_is_no_bundle(folder: Path, name: str) -> None:
    """Nothing but a bundle or an empty folder is ever replaced.

    Raises:
        InputRefused: `folder`, which the user calls `name`, is something else.
    """
    if folder.is_symlink():
        raise InputRefused(name, "is a link, where a bundle folder or nothing was expected; move it away")
    if not folder.exists() or _empty(folder):
        return
    if not (folder / MANIFEST).is_file() or not (folder / FOLDER / FILE).is_file() or (folder / MODEL).exists():
        raise InputRefused(name, "is there already and is not a bundle; move it away")


def read_whole(path: Path) -> Bundle:
    """Opens the bundle at `path` and reads each of its model files.

    Raises:
        InputRefused: it is none, or a model file of it is damaged.
    """
    bundle = Bundle.open(path)
    for artifact in bundle.manifest.artifacts:
        bundle.read(artifact)
    return bundle


def whole(path: Path) -> Bundle | None:
    """The bundle at `path`; None where there is none, or one not worth keeping."""
    try:
        return read_whole(path)
    except InputRefused:
        return None


def put(new_id: str, real: Path) -> None:
    """Moves the staged bundle to its place. What was there is kept as the previous one if it is whole and another."""
    new = staged(real, new_id)
    if not real.exists():
        os.rename(new, real)
    elif not exchange(new, real):
        with scratch_folder(real.parent) as scratch:
            os.rename(new, scratch / "new")
            os.rename(real, new)
            os.rename(scratch / "new", real)
    finish(real)


def swap(new_id: str, real: Path) -> None:
    """Exchanges the bundle in the place and the previous one, whose id is given."""
    before = previous(real)
    if not real.exists():
        os.rename(before, real)
    elif not exchange(real, before):
        os.rename(real, staged(real, new_id))
        os.rename(before, real)
        os.rename(staged(real, new_id), before)
    if before.exists() and _empty(before):
        before.rmdir()


def finish(real: Path) -> None:
    """Ends what an interrupted `put` or `swap` began in this place."""
    for left in real.parent.glob(f".{escape(real.name)}.replaced-by-*"):
        bundle = whole(left)
        if bundle is None or left == staged(real, bundle.id):
            shutil.rmtree(left, ignore_errors=True)
        elif not real.exists():
            os.rename(left, real)
        else:
            with scratch_folder(real.parent) as scratch:
                if previous(real).exists():
                    os.rename(previous(real), scratch / "old")
                os.rename(left, previous(real))


def previous_id(real: Path) -> str | None:
    """The id of the bundle that `swap` would bring back; None where there is none that is whole."""
    try:
        return read_whole(previous(real)).id
    except QuinceError:
        return None


def _empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
