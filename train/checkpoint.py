"""Where a training stands after an epoch, in one file that is whole or not there."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.atomic import new_file
from runtime.errors import InputRefused
from train.epoch import Epoch

Arrays = Sequence[NDArray[Any]]
GROUPS = ("weights", "best", "optimizer")


@dataclass(frozen=True)
class Checkpoint:
    """A training after the last epoch of `history`.

    weights, best: of everything that learns in that epoch's stage, as they are and of the epoch to keep so far (see train.epoch).
    optimizer: its state. seconds: what the training took up to here. made_by: the command, its data and the code.
    """

    history: tuple[Epoch, ...]
    seconds: float
    weights: Arrays
    best: Arrays
    optimizer: Arrays
    made_by: Mapping[str, Any]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the file at `path` (.npz) in one step.

    Raises:
        MachineError: the disk is full.
    """
    arrays = {f"{group}{number}": array for group in GROUPS for number, array in enumerate(getattr(checkpoint, group))}
    facts = {
        "history": [asdict(epoch) for epoch in checkpoint.history],
        "seconds": checkpoint.seconds,
        "made_by": checkpoint.made_by,
        **{group: len(getattr(checkpoint, group)) for group in GROUPS},
    }
    with new_file(path) as temporary:
        np.savez(temporary, allow_pickle=False, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)


def read_checkpoint(path: Path) -> Checkpoint:
    """What `write_checkpoint` wrote.

    Raises:
        InputRefused: not such a file.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            facts = json.loads(arrays["facts"].tobytes())
            weights, best, optimizer = ([arrays[f"{group}{number}"] for number in range(facts[group])] for group in GROUPS)
        history = tuple(Epoch(**epoch) for epoch in facts["history"])
        return Checkpoint(history, facts["seconds"], weights, best, optimizer, facts["made_by"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputRefused(str(path), f"not a whole checkpoint ({error}); remove it to begin the training anew") from error
