"""Describes what a training computes on: one device, several graphics cards or several machines."""

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused
from train.checkpoints.resume import UnfinishedRun

Item = TypeVar("Item")
FeatureFunctionBuilder = Callable[[Any, Any], Callable[[Any], Any]]
"""(submodel or None, augmentation or None) -> a function from a batch of inputs to its features."""


@dataclass(frozen=True)
class WorkerShard:
    """Describes worker `index`, from 0, of `count` workers with `devices` each.

    There is one worker on each machine.
    """

    index: int = 0
    count: int = 1
    devices: int = 1

    @property
    def chief(self) -> bool:
        """Tells whether this worker writes the run folder and reports progress."""
        return self.index == 0

    def part(self, items: list[Item]) -> list[Item]:
        """Returns every count-th item, from the item `index` on.

        Each worker and each of its devices gets equally many, so a few items may occur twice.
        """
        own = items[self.index :: self.count] or items
        per_worker = -(-len(items) // self.count)
        length = -(-per_worker // self.devices) * self.devices
        return [own[number % len(own)] for number in range(length)]

    def batch(self, batch: int) -> int:
        """Returns the number of images of a step that this worker processes.

        Raises:
            InputRefused: the devices cannot share the step evenly.
        """
        devices = self.count * self.devices
        if batch % devices:
            nearest = max(1, round(batch / devices)) * devices
            raise InputRefused(
                "--batch",
                f"expected a multiple of the {devices} devices that share a step, found {batch}; "
                f"use {nearest}",
            )
        return batch // self.count


@dataclass(frozen=True)
class DistributionStrategy:
    """Describes how a training runs on its devices.

    scope: models built and trained inside it use all devices.
    feature_function: builds the computation of features; None: the one of one device.
    own_model: features need a model of the worker's own, as the trained one spans machines.
    gather: sends bytes to all workers; returns those of each worker, in their order.
    shared: returns an unfinished run that all workers read and only the first writes.
    leave: ends the common work; after it each worker is alone.
    """

    shard: WorkerShard = WorkerShard()
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext
    feature_function: FeatureFunctionBuilder | None = None
    own_model: bool = False
    gather: Callable[[bytes], list[bytes]] = lambda message: [message]
    shared: Callable[[UnfinishedRun], UnfinishedRun] = lambda unfinished: unfinished
    leave: Callable[[], None] = lambda: None

    @property
    def made_by(self) -> dict[str, int]:
        """Returns what changes the weights, apart from the options; for one device, nothing."""
        devices = self.shard.count * self.shard.devices
        return {"workers": devices} if devices > 1 else {}

    def gather_arrays(self, arrays: Sequence[NDArray[Any]]) -> list[list[NDArray[Any]]]:
        """Sends arrays to all workers; returns those of each worker, in their order."""
        if self.shard.count == 1:
            return [list(arrays)]
        message = io.BytesIO()
        np.savez(message, *arrays, allow_pickle=False)
        gathered = []
        for content in self.gather(message.getvalue()):
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                gathered.append([file[name] for name in file.files])
        return gathered


ALONE = DistributionStrategy()
"""Trains on one device."""
