"""RUN.partial: what an unfinished training left, and whether this command may go on with it."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime import cli
from runtime.errors import InputRefused, MachineError
from train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

CHECKPOINT = "checkpoint.npz"
MAY_CHANGE = {"rate", "head_rate", "workers"}
"""What `--resume` may change on the way: a lower rate is what helps after a loss that became NaN; and a machine may be lost for good."""
PARTS = {
    "data_digest": "other pictures",
    "weights": "other weights in the file",
    "source": "other code of Quince",
    "workers": "another number of workers",
}
"""What `made_by` holds beside the options, in a user's words."""


@dataclass(frozen=True)
class Unfinished:
    """The folder beside a run that holds its checkpoint until the run is whole. It has no manifest, so nothing takes it for a run."""

    folder: Path
    made_by: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.folder / CHECKPOINT

    def read(self) -> Checkpoint | None:
        """The checkpoint, if there is one.

        Raises:
            InputRefused: it does not hold up.
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
        """Removes the checkpoint, and the folder unless a user put something else there."""
        self.path.unlink(missing_ok=True)
        self._remove_folder()

    def _remove_folder(self) -> None:
        with suppress(OSError):
            self.folder.rmdir()


def unfinished(run: Path, made_by: Mapping[str, Any]) -> Unfinished:
    """That of the run folder `run`, for a command that makes it by `made_by`."""
    return Unfinished(run.parent / f"{run.name}.partial", json.loads(json.dumps(made_by)))


def claim(partial: Unfinished, *, resume: bool, overwrite: bool) -> None:
    """Leaves a checkpoint to go on from, or none. The same command on the same pictures goes on by itself, `resume` also at other rates.

    Raises:
        InputRefused: there is one of another command, and neither is asked to be overwritten nor could be gone on with.
    """
    checkpoint = partial.read()
    if checkpoint is None:
        return
    there = f"an unfinished training, after {checkpoint.history[-1]},"
    found = differences(partial.made_by, checkpoint.made_by)
    if not found or (resume and set(found) <= MAY_CHANGE):
        changed = "".join(f", now with {words}" for words in found.values())
        cli.say(f"{partial.folder}: goes on with {there.rstrip(',')}{changed}")
    elif overwrite and not resume:
        partial.remove()
        cli.say(f"{partial.folder}: {there} of another command is begun anew")
    else:
        way = "--resume cannot go on with it: repeat that command, or use another -o" if resume else "use --overwrite or another -o"
        raise InputRefused(str(partial.folder), f"{there} of another command is there ({'; '.join(found.values())}); {way}")


def differences(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str]:
    """What differs between two commands: by option or part, in a user's words."""
    ours, theirs = now["options"], before.get("options", {})
    found = {
        name: f"--{name.replace('_', '-')} {_told(ours.get(name))}, there {_told(theirs.get(name))}"
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    }
    return found | {part: words for part, words in PARTS.items() if now.get(part) != before.get(part)}


def _told(value: Any) -> str:
    return "by default" if value is None else str(value)
