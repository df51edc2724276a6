"""Puts a new bundle in the place of the one in use: checked on this device first, in one step, with the way back kept."""

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from runtime.atomic import locked, new_folder
from runtime.bundle import CALIBRATION, CARD, LABELS, MANIFEST, PARITY, REPORT, Bundle
from runtime.errors import CheckFailed, InputRefused, MachineError
from runtime.golden import FILE, FOLDER, pixels_file, read_golden
from runtime.manifest import Manifest
from runtime.opening import read_picture
from runtime.place import finish, previous, previous_id, put, read_whole, real_place, refuse_what_is_no_bundle, staged, swap, whole
from runtime.provenance import UTC_TIME
from runtime.records import read_text
from runtime.verification import verify_all

EXPORTED = "exported"
"""In the provenance of a bundle's manifest: when it was written, as "2026-11-24T12:00:00Z"."""
FUTURE = timedelta(days=366)
"""How far ahead of this device's clock a bundle may have been exported: clocks of devices that were switched off lag behind."""


@dataclass(frozen=True)
class Installed:
    """What is in a place now and what `rollback` would put there; None where there is no way back.

    outcome: "unchanged" where the very same files were there, "repaired" where the same bundle was there with other files.
    pictures: how many golden pictures each model file in `checked` answered here as at export; `unchecked` ones cannot run here.
    """

    place: str
    id: str
    exported: str | None
    previous_id: str | None
    outcome: Literal["installed", "unchanged", "repaired", "rolled back"] = "installed"
    pictures: int = 0
    checked: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


def install(new: Path, place: Path, *, allow_downgrade: bool = False, threads: int | None = None) -> Installed:
    """Copies the bundle at `new` to `place` if it answers on this device as it did at export; what was there is kept beside it.

    Raises:
        InputRefused: `new` is damaged, or was exported before the one in `place` or in the future and not `allow_downgrade`; or
            something is in `place` or kept beside it that is no bundle.
        CheckFailed: it answers otherwise here.
        MachineError: no artifact of it can run here, or `place` cannot be written. In each case what was there is unchanged.
    """
    real = real_place(place)
    _refuse_nested(new, place)
    offered = Bundle.open(new)
    exported = _exported(offered)
    with locked(real.parent):
        finish(real)
        refuse_what_is_no_bundle(real, str(place))
        refuse_what_is_no_bundle(previous(real), str(previous(real)))
        current = whole(real)
        if not allow_downgrade:
            _refuse_future(offered, exported)
            if current:
                _refuse_older(offered, current)
        with new_folder(staged(real, offered.id)) as folder:
            _copy(offered, folder)
            pictures, checked, unchecked = _check(Bundle.open(folder), new, threads)
        outcome = _put(offered.id, real)
        return Installed(str(place), offered.id, exported, _way_back(real, offered.id), outcome, pictures, checked, unchecked)


def roll_back(place: Path) -> Installed:
    """Exchanges the bundle in `place` with the one that was there before the last `install`, in one step.

    Raises:
        InputRefused: there is none, or it is damaged.
    """
    real = real_place(place)
    before = previous(real)
    nothing = InputRefused(str(place), f"there is nothing to go back to: no {before.name} beside it")
    if not real.parent.is_dir():
        raise nothing
    with locked(real.parent):
        finish(real)
        if not before.is_dir():
            raise nothing
        wanted = read_whole(before)
        refuse_what_is_no_bundle(before, str(before))
        refuse_what_is_no_bundle(real, str(place))
        swap(wanted.id, real)
        return Installed(str(place), wanted.id, _time_if_any(wanted), _way_back(real, wanted.id), "rolled back")


def exported_at(manifest: Manifest, file: str = MANIFEST) -> str | None:
    """When the bundle was written, in UTC; texts of this form compare as their times do. None where its manifest does not say.

    Raises:
        InputRefused: it says something else than a time; the message names `file`.
    """
    told = manifest.provenance.get(EXPORTED)
    if told is not None and not (isinstance(told, str) and _is_time(told)):
        raise InputRefused(file, f"expected provenance.{EXPORTED} to be a time such as 2026-11-24T12:00:00Z, found {str(told)[:50]!r}")
    return told


def _is_time(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", text):
        return False
    try:
        datetime.strptime(text, UTC_TIME)
    except ValueError:
        return False
    return True


def _exported(bundle: Bundle) -> str | None:
    return exported_at(bundle.manifest, str(bundle.path / MANIFEST))


def _time_if_any(bundle: Bundle) -> str | None:
    try:
        return _exported(bundle)
    except InputRefused:
        return None


def _refuse_nested(new: Path, place: Path) -> None:
    source, target = new.resolve(), place.resolve()
    if source in target.parents or target in source.parents:
        raise InputRefused(str(place), f"expected a place apart from {new}, but one is inside the other")


def _refuse_future(offered: Bundle, exported: str | None) -> None:
    now = datetime.now(UTC)
    if exported is not None and datetime.strptime(exported, UTC_TIME).replace(tzinfo=UTC) - now > FUTURE:
        reason = f"was exported {exported}, but this device's clock says {now.strftime(UTC_TIME)}; set the clock, or all the same"
        raise InputRefused(str(offered.path), f"{reason}: --allow-downgrade")


def _refuse_older(offered: Bundle, current: Bundle) -> None:
    try:
        theirs, ours = _exported(offered), _exported(current)
    except InputRefused as refusal:
        raise InputRefused(refusal.thing, f"{refusal.reason}; to replace it all the same: --allow-downgrade") from refusal
    if ours is not None and (theirs is None or theirs < ours):
        told = f"was exported {theirs}" if theirs else "does not say when it was exported"
        raise InputRefused(str(offered.path), f"{told}, the one in {current.path} {ours}; to go back all the same: --allow-downgrade")


def _check(copied: Bundle, new: Path, threads: int | None) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    pictures, checked = 0, []
    for result in verify_all(copied, None, threads):
        if isinstance(result, MachineError):
            continue
        if not result.passed:
            reason = f"{result.artifact} differs here at the stage '{result.stage}'; more with: verify {new}"
            raise CheckFailed(str(new), f"not installed: {reason}")
        pictures = result.pictures
        checked.append(result.artifact)
    unchecked = tuple(artifact.file for artifact in copied.exported() if artifact.file not in checked)
    return pictures, tuple(checked), unchecked


def _put(new_id: str, real: Path) -> Literal["installed", "unchanged", "repaired"]:
    new = staged(real, new_id)
    if _same(new, real):
        shutil.rmtree(new)
        return "unchanged"
    repaired = _id(real) == new_id
    put(new_id, real)
    return "repaired" if repaired else "installed"


def _same(new: Path, real: Path) -> bool:
    """Whether each file of the one is in the other, byte for byte."""
    pairs = [(file, real / file.relative_to(new)) for file in new.rglob("*") if file.is_file()]
    return all(there.is_file() and there.read_bytes() == file.read_bytes() for file, there in pairs)


def _id(real: Path) -> str | None:
    try:
        return Bundle.open(real).id
    except InputRefused:
        return None


def _way_back(real: Path, current_id: str) -> str | None:
    before = previous_id(real)
    return before if before != current_id else None


def _copy(bundle: Bundle, folder: Path) -> None:
    """Only what a bundle is made of, each a regular file; model files checked against their sha256."""
    (folder / MANIFEST).write_text(bundle.manifest.to_json())
    for artifact in bundle.manifest.artifacts:
        (folder / artifact.file).write_bytes(bundle.read(artifact))
    for name in (LABELS, REPORT, PARITY, CALIBRATION, CARD):
        if (bundle.path / name).exists():
            (folder / name).write_text(read_text(bundle.path / name, "not a bundle", errors="surrogateescape"), "utf-8", "surrogateescape")
    samples = read_golden(bundle.path)
    pixels = [str(pixels_file(sample)) for sample in samples if (bundle.path / FOLDER / pixels_file(sample)).exists()]
    for name in (FILE, *(sample.file for sample in samples), *pixels):
        (folder / FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / FOLDER / name).write_bytes(read_picture(bundle.path / FOLDER / name))
