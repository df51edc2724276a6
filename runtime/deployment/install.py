"""Installs a new bundle instead of the one in use, or takes that back.

The new bundle is checked on this device first and exchanged in one step; the old one is kept.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runtime.bundles.bundle import Bundle
from runtime.deployment.checked_copy import copy_and_verify, open_unchanged
from runtime.deployment.export_time import bundle_exported_at, refuse_future, refuse_older
from runtime.deployment.install_slots import (
    activate,
    open_if_intact,
    open_intact,
    previous_id,
    previous_path,
    real_folder,
    recover_interrupted,
    refuse_other_content,
    staging_path,
    swap_with_previous,
)
from runtime.deployment.replacement_check import refuse_uncompared
from runtime.deployment.signature import check_signed
from runtime.errors import InputRefused
from runtime.system.atomic_files import locked, new_folder

InstallOutcome = Literal["installed", "unchanged", "repaired", "rolled back"]


@dataclass(frozen=True)
class InstallResult:
    """Reports the bundle that is in use now, and the one that `rollback` would restore.

    bundle: the path of the bundle in use. previous_id: None if there is no way back.
    outcome: "unchanged" if the very same files were there, "repaired" if the same bundle was there
        with other files.
    images: how many golden images each model file in `checked` answered here as at export.
    unchecked: the model files that cannot run here.
    """

    bundle: str
    bundle_id: str
    exported: str | None
    previous_id: str | None
    outcome: InstallOutcome = "installed"
    images: int = 0
    checked: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


def install(
    new: Path,
    in_use: Path,
    *,
    allow_downgrade: bool = False,
    allow_uncompared: bool = False,
    signers: Path | None = None,
    threads: int | None = None,
    before_switch: Callable[[Path, Path], None] | None = None,
) -> InstallResult:
    """Copies the bundle at `new` to `in_use` if it answers on this device as it did at export.

    The bundle that was there is kept beside it. An error leaves everything unchanged.

    Args:
        new, in_use: the new bundle, and the folder of the one in use.
        allow_downgrade: also if it is older, or from the future.
        allow_uncompared: also if it was not compared with the bundle in use.
        signers: the list of those whose signature the bundle needs (runtime.deployment.signature).
            A signed bundle must also be newer than the one that `rollback` would restore.
        threads: of the interpreters.
        before_switch: called with the bundle in use and the checked copy of the new one, if there
            is another bundle in use; an error from it is an error of the installation.

    Raises:
        InputRefused: `new` is damaged, or not signed as `signers` asks; or it was exported before
            the bundle in `in_use` or in the future, without `allow_downgrade`; or it was not
            compared with that bundle, without `allow_uncompared`; or something that is no bundle
            is in `in_use` or beside it, where the old bundle is to be kept.
        CheckFailed: the new bundle answers otherwise here.
        MachineError: none of its model files can run here, or `in_use` cannot be written.
    """
    real = real_folder(in_use)
    _refuse_nested(new, in_use)
    if signers:
        check_signed(new, signers)
    new_bundle = open_unchanged(new)
    exported = bundle_exported_at(new_bundle)
    with locked(real.parent):
        recover_interrupted(real)
        refuse_other_content(real, str(in_use))
        refuse_other_content(previous_path(real), str(previous_path(real)))
        current = open_if_intact(real)
        if not allow_downgrade:
            if not signers:  # a signature needs no clock, which is late after a start
                refuse_future(new_bundle)
            if current:
                refuse_older(new_bundle, current)
            replaced = open_if_intact(previous_path(real)) if signers else None
            if replaced and not (current and current.id == new_bundle.id):
                refuse_older(new_bundle, replaced)
        if current and not allow_uncompared:
            refuse_uncompared(new_bundle, current)
        with new_folder(staging_path(real, new_bundle.id)) as folder:
            check = copy_and_verify(new_bundle, folder, threads, signers)
            if before_switch and current and current.id != new_bundle.id:
                before_switch(current.path, folder)
        outcome = _put_in_place(new_bundle.id, real)
        return InstallResult(
            str(in_use), new_bundle.id, exported, _way_back(real, new_bundle.id), outcome, *check
        )


def roll_back(in_use: Path) -> InstallResult:
    """Exchanges the bundle in `in_use` with the one before the last `install`, in one step.

    Raises:
        InputRefused: there is no such bundle, or it is damaged.
    """
    real = real_folder(in_use)
    previous = previous_path(real)
    no_way_back = InputRefused(
        str(in_use), f"there is nothing to go back to: no {previous.name} beside it"
    )
    if not real.parent.is_dir():
        raise no_way_back
    with locked(real.parent):
        recover_interrupted(real)
        if not previous.is_dir():
            raise no_way_back
        bundle = open_intact(previous)
        refuse_other_content(previous, str(previous))
        refuse_other_content(real, str(in_use))
        swap_with_previous(bundle.id, real)
        return InstallResult(
            str(in_use),
            bundle.id,
            _exported_if_valid(bundle),
            _way_back(real, bundle.id),
            "rolled back",
        )


def _exported_if_valid(bundle: Bundle) -> str | None:
    try:
        return bundle_exported_at(bundle)
    except InputRefused:
        return None


def _refuse_nested(new: Path, in_use: Path) -> None:
    source, target = new.resolve(), in_use.resolve()
    if source in target.parents or target in source.parents:
        raise InputRefused(
            str(in_use), f"expected a folder apart from {new}, but one is inside the other"
        )


def _put_in_place(new_id: str, real: Path) -> InstallOutcome:
    staged = staging_path(real, new_id)
    if _has_same_files(staged, real):
        shutil.rmtree(staged)
        return "unchanged"
    is_same_bundle = _id_if_any(real) == new_id
    activate(new_id, real)
    return "repaired" if is_same_bundle else "installed"


def _has_same_files(staged: Path, real: Path) -> bool:
    """Checks that each file of the staged bundle is in place, byte for byte."""
    for file in staged.rglob("*"):
        counterpart = real / file.relative_to(staged)
        if file.is_file() and not (
            counterpart.is_file() and counterpart.read_bytes() == file.read_bytes()
        ):
            return False
    return True


def _id_if_any(real: Path) -> str | None:
    try:
        return Bundle.open(real).id
    except InputRefused:
        return None


def _way_back(real: Path, current_id: str) -> str | None:
    previous = previous_id(real)
    return previous if previous != current_id else None
