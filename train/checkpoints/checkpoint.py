"""Saves the state of a training after an epoch in one file, which is whole or does not exist."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused
from runtime.system.atomic_files import new_file
from train.checkpoints.history import Epoch

Arrays = Sequence[NDArray[Any]]
ARRAY_FIELDS = ("weights", "best", "optimizer")


@dataclass(frozen=True)
class Checkpoint:
    """Holds the state of a training after the last epoch of `history`.

    seconds: the time that the training took so far.
    weights: of all that is trained in the stage of that epoch, as they are now.
    best: the same, of the best epoch so far (see train.checkpoints.history).
    optimizer: the state of the optimizer.
    made_by: the options of the command, and the digests of its data and code.
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
    arrays = {
        f"{field}{number}": array
        for field in ARRAY_FIELDS
        for number, array in enumerate(getattr(checkpoint, field))
    }
    metadata = {
        "history": [asdict(epoch) for epoch in checkpoint.history],
        "seconds": checkpoint.seconds,
        "made_by": checkpoint.made_by,
        **{field: len(getattr(checkpoint, field)) for field in ARRAY_FIELDS},
    }
    with new_file(path) as temporary:
        np.savez(
            temporary,
            allow_pickle=False,
            facts=np.frombuffer(json.dumps(metadata).encode(), np.uint8),
            **arrays,
        )


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads the file that `write_checkpoint` wrote.

    Raises:
        InputRefused: the file is no whole checkpoint.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            metadata = json.loads(arrays["facts"].tobytes())
            weights, best, optimizer = (
                [arrays[f"{field}{number}"] for number in range(metadata[field])]
                for field in ARRAY_FIELDS
            )
        return Checkpoint(
            tuple(Epoch(**epoch) for epoch in metadata["history"]),
            metadata["seconds"],
            weights,
            best,
            optimizer,
            metadata["made_by"],
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputRefused(
            str(path), f"not a whole checkpoint ({error}); remove it to begin the training anew"
        ) from error
