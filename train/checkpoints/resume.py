"""Decides whether a command may continue the unfinished training in RUN.partial."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import InputRefused, MachineError
from runtime.images.region import region_text
from runtime.system.json_records import rename_old_keys
from runtime.system.terminal import say
from train.checkpoints.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

CHECKPOINT = "checkpoint.npz"
MAY_CHANGE = {"rate", "head_rate", "workers"}
"""`--resume` may change these. A lower rate helps after a loss that became NaN, and a machine may
be lost for good."""
PARTS = {
    "data_digest": "other images",
    "weights_sha256": "other weights in the file",
    "code_sha256": "other code of Quince",
    "from": "another old run",
    "workers": "another number of workers",
}
"""These words tell a user which part of `made_by` differs, beside the options."""
OLD_OPTIONS = {"views": "variants", "width": "width_factor"}
OLD_PARTS = {"weights": "weights_sha256", "source": "code_sha256"}
"""Names in what was recorded before version 0.2.0, and those of today."""


@dataclass(frozen=True)
class UnfinishedRun:
    """Manages the folder beside a run that holds its checkpoint until the run is complete.

    It has no manifest, so nothing takes it for a run.
    """

    folder: Path
    made_by: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """Returns the path of the checkpoint."""
        return self.folder / CHECKPOINT

    def read(self) -> Checkpoint | None:
        """Returns the checkpoint, or None if there is none.

        Raises:
            InputRefused: the checkpoint is damaged.
        """
        return read_checkpoint(self.path) if self.path.exists() else None

    def write(self, checkpoint: Checkpoint) -> None:
        """Replaces the checkpoint in one step.

        Raises:
            MachineError: the disk is full; the old checkpoint is still there.
        """
        try:
            write_checkpoint(self.path, checkpoint)
        except MachineError:
            self._remove_folder()
            raise

    def remove(self) -> None:
        """Removes the checkpoint, and the folder unless a user put something else into it."""
        self.path.unlink(missing_ok=True)
        self._remove_folder()

    def second(self) -> "UnfinishedRun":
        """Returns the place of a second training for the same run."""
        return UnfinishedRun(self.folder.with_name(f"{self.folder.name}-2"), self.made_by)

    def _remove_folder(self) -> None:
        with suppress(OSError):
            self.folder.rmdir()


def find_unfinished(run: Path, made_by: Mapping[str, Any]) -> UnfinishedRun:
    """Returns the unfinished run beside the folder `run`, for a command recorded as `made_by`."""
    return UnfinishedRun(run.parent / f"{run.name}.partial", json.loads(json.dumps(made_by)))


def prepare_resume(partial: UnfinishedRun, *, resume: bool, overwrite: bool) -> None:
    """Keeps a checkpoint that this command may continue, or removes one that it may overwrite.

    The same command on the same images continues without `resume`; with it, learning rates may
    differ.

    Raises:
        InputRefused: the checkpoint is of another command; it may not be overwritten, and `resume`
            is not set or cannot continue it.
    """
    checkpoint = partial.read()
    if checkpoint is None:
        return
    unfinished = f"an unfinished training, after {checkpoint.history[-1]}"
    differences = option_differences(partial.made_by, checkpoint.made_by)
    if not differences or (resume and set(differences) <= MAY_CHANGE):
        changed = "".join(f", now with {difference}" for difference in differences.values())
        say(f"{partial.folder}: continues {unfinished}{changed}")
        return
    if overwrite and not resume:
        partial.remove()
        say(f"{partial.folder}: removed {unfinished}, of another command")
        return
    advice = "use --overwrite or another -o"
    if resume:
        advice = "--resume cannot continue it: repeat that command, or use another -o"
    raise InputRefused(
        str(partial.folder),
        f"holds {unfinished}, of another command ({'; '.join(differences.values())}); {advice}",
    )


def option_differences(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str]:
    """Returns what differs between two commands, in a user's words, by option or part."""
    before = rename_old_keys(before, OLD_PARTS)
    options, options_before = (
        now["options"],
        rename_old_keys(before.get("options", {}), OLD_OPTIONS),
    )
    differences = {}
    for name in sorted({*options, *options_before}):
        value, value_before = _as_typed(options.get(name)), _as_typed(options_before.get(name))
        if value != value_before:
            value = "by default" if value is None else value
            value_before = "the default" if value_before is None else value_before
            differences[name] = f"--{name.replace('_', '-')} {value} instead of {value_before}"
    for part, words in PARTS.items():
        if now.get(part) != before.get(part):
            differences[part] = words
    return differences


def _as_typed(value: Any) -> Any:
    """Returns the value of an option as the command line takes it; only a region is a list."""
    return region_text(tuple(value)) if isinstance(value, list | tuple) else value
