"""Fetches a signed bundle, installs it, and goes back if the camera does not bear it.

Beside the folder in use, `fruit`, `.fruit.update` holds what is fetched, and `watched` while a new
bundle is not yet proven. A run that was interrupted is completed by the next one.
"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NoReturn

from runtime.bundles.bundle import MANIFEST, SIGNATURE, SIGNED
from runtime.deployment.export_time import exported_at
from runtime.deployment.install import InstallResult, install, roll_back
from runtime.deployment.install_slots import (
    open_if_intact,
    previous_path,
    real_folder,
    recover_interrupted,
)
from runtime.deployment.origin import Origin, Unreachable
from runtime.deployment.service import ServiceState, await_failure, read_state
from runtime.deployment.signature import Statement, check_signature
from runtime.errors import CheckFailed, InputRefused, MachineError, QuinceError
from runtime.models.manifest import Manifest
from runtime.system.atomic_files import locked, write_file

WATCHED = "watched"
BLOCK_BYTES = 4096
"""What a file takes on a card is a multiple of this."""
COPIES = 2
"""Of a bundle on the card while it is installed: the fetched one, and the checked one."""
UpdateOutcome = Literal["updated", "unchanged", "held back"]


@dataclass(frozen=True)
class UpdateResult:
    """Reports what an update did.

    outcome: "unchanged" if the bundle is in use already; "held back" if it was in use here, and
        was rolled back.
    bundle: the path of the bundle in use. offered_id, exported: of the bundle that is offered.
    signer: as the list of signers names them.
    watched: whether a service was watched with the new bundle.
    """

    bundle: str
    outcome: UpdateOutcome
    offered_id: str
    exported: str
    signer: str
    watched: bool = False


@dataclass(frozen=True)
class UpdateOptions:
    """Holds the options of an update.

    signers: the list of those who may sign. service: the systemd unit to watch; empty: none.
    watch_s: for how long. allow_uncompared, threads: as in `install`.
    """

    signers: Path
    service: str = ""
    watch_s: float = 60.0
    allow_uncompared: bool = False
    threads: int | None = None


def update(
    source: str, in_use: Path, options: UpdateOptions, report: Callable[[str], None]
) -> UpdateResult:
    """Installs the bundle that `source` offers if it is signed and newer than those known here.

    Only what the signature vouches for is fetched. The bundle in use stays until the new one is
    checked, and comes back if the service fails.

    Args:
        source: the address of a bundle folder on a web server, or a folder.
        in_use: the folder of the bundle in use, or a new one.
        options: see there.
        report: takes a line about what is going on.

    Raises:
        InputRefused: the bundle is not signed by anybody on the list, is older, or is not what was
            signed; and as `install`.
        CheckFailed: it answers otherwise here, or the service failed and the old one is back.
        MachineError: the source cannot be reached, or the card is full.
    """
    origin, real = Origin(source), real_folder(in_use)
    work = real.with_name(f".{real.name}.update")
    before = read_state(options.service) if options.service else None
    with locked(work):
        _complete(in_use, work, options, before)
        content, signature = origin.read(SIGNED), origin.read(SIGNATURE)
        statement = check_signature(content, signature, options.signers, origin.name)
        fetched = work / "bundle"
        origin.fetch(MANIFEST, statement.files[MANIFEST], fetched)
        outcome, exported = _judge(real, origin, statement, fetched)
        result = UpdateResult(str(in_use), outcome, statement.id, exported, statement.signer)
        if outcome != "updated":
            shutil.rmtree(fetched)
            return result
        report(f"{origin.name}: bundle {statement.id}, exported {exported}, will be fetched")

        def note(current: Path, staged: Path) -> None:
            write_file(work / WATCHED, f"{statement.id} {before.restarts if before else 0}")

        try:
            _fetch(origin, statement, fetched, real.parent)
            write_file(fetched / SIGNED, content)
            write_file(fetched / SIGNATURE, signature)
            installed = install(
                fetched,
                in_use,
                signers=options.signers,
                allow_uncompared=options.allow_uncompared,
                threads=options.threads,
                before_switch=note,
            )
        except Unreachable:
            raise  # the next run goes on with what there is
        except QuinceError:
            shutil.rmtree(fetched, ignore_errors=True)  # it would fill the card for nothing
            raise
        shutil.rmtree(fetched)
        watched = _prove(installed, in_use, work, options, before)
    return replace(result, watched=watched)


def _judge(
    real: Path, origin: Origin, statement: Statement, fetched: Path
) -> tuple[UpdateOutcome, str]:
    """Returns what to do with the bundle that is offered, and when it was exported."""
    name = f"{origin.name}/{MANIFEST}"
    exported = exported_at(Manifest.from_json((fetched / MANIFEST).read_bytes(), name), name)
    if exported is None:
        raise InputRefused(name, "does not say when it was exported; export the bundle again")
    recover_interrupted(real)
    current, previous = open_if_intact(real), open_if_intact(previous_path(real))
    if current and current.id == statement.id:
        return "unchanged", exported
    for bundle in filter(None, (current, previous)):
        time = exported_at(bundle.manifest)
        if time and exported < time:
            raise InputRefused(
                origin.name,
                f"offers bundle {statement.id}, exported {exported}, which is older than"
                f" {bundle.id}, exported {time}; it is not used",
            )
    if current and previous and previous.id == statement.id:
        return "held back", exported
    return "updated", exported


def _fetch(origin: Origin, statement: Statement, fetched: Path, parent: Path) -> None:
    """Fetches all files; those from an interrupted run that are no part of the bundle go."""
    for path in [path for path in fetched.rglob("*") if path.is_file()]:
        if str(path.relative_to(fetched)) not in statement.files:
            path.unlink()
    there = [path.stat().st_size for path in fetched.rglob("*") if path.is_file()]
    needed = COPIES * _on_card(file.bytes for file in statement.files.values()) - _on_card(there)
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise MachineError(
            str(parent),
            f"the card is full: the bundle needs {needed / 1e6:.1f} MB, {free / 1e6:.1f} MB are"
            " free; the bundle in use stays",
        )
    for name, file in sorted(statement.files.items()):
        origin.fetch(name, file, fetched)


def _on_card(sizes: Iterable[int]) -> int:
    return sum(-(-size // BLOCK_BYTES) * BLOCK_BYTES for size in sizes)


def _prove(
    installed: InstallResult,
    in_use: Path,
    work: Path,
    options: UpdateOptions,
    before: ServiceState | None,
) -> bool:
    """Watches the service if it ran before, and rolls back if it fails; returns whether it did."""
    watched = bool(before and before.active)
    failure = await_failure(options.service, before, options.watch_s) if before and watched else ""
    if failure:
        failure = f"{failure} within {options.watch_s:g} s of {installed.bundle_id}"
        if not installed.previous_id:
            raise CheckFailed(str(in_use), f"{failure}, and there is no bundle to go back to")
        _go_back(in_use, failure, options.service)
    (work / WATCHED).unlink(missing_ok=True)
    return watched


def _complete(
    in_use: Path, work: Path, options: UpdateOptions, before: ServiceState | None
) -> None:
    """Rolls back the bundle of an interrupted run if the service has failed with it."""
    note, real = work / WATCHED, real_folder(in_use)
    if not note.exists():
        return
    recover_interrupted(real)
    words, current = note.read_text("ascii", "replace").split(), open_if_intact(real)
    new_id, restarts = words if len(words) == 2 else ("", "")  # a card may damage any file
    is_in_use = current is not None and current.id == new_id
    # After a restart of the device, systemd counts from 0 again.
    if before and is_in_use and (before.failed or str(before.restarts) not in ("0", restarts)):
        _go_back(in_use, f"{options.service} failed with {new_id} before", options.service)
    note.unlink()


def _go_back(in_use: Path, failure: str, service: str) -> NoReturn:
    old = roll_back(in_use)
    raise CheckFailed(
        str(in_use), f"rolled back to {old.bundle_id}: {failure}; look at: journalctl -u {service}"
    )
