"""Describes what a training computes on: one device, several graphics cards or several machines."""

import io
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused
from train.checkpoints.resume import UnfinishedRun

Item = TypeVar("Item")
FeatureFunctionBuilder = Callable[[Any, tuple[int, ...]], Callable[[Any], Any]]
"""(layers, shape of an input) -> a function from a batch of inputs to its features."""


@dataclass(frozen=True)
class WorkerShard:
    """Describes worker `index`, from 0, of `count` workers; a worker alone may have `devices`."""

    index: int = 0
    count: int = 1
    devices: int = 1

    @property
    def chief(self) -> bool:
        """Tells whether this worker writes the run folder and reports progress."""
        return self.index == 0

    def part(self, items: list[Item]) -> list[Item]:
        """Returns every count-th item, from the item `index` on.

        Each device of a worker gets equally many, so a few items may occur twice.
        """
        own = items[self.index :: self.count]
        length = -(-len(own) // self.devices) * self.devices
        return [own[number % len(own)] for number in range(length)]

    def require_even(self, batch: int) -> None:
        """Checks that the devices can share the `batch` images of a step evenly.

        Raises:
            InputRefused: they cannot.
        """
        devices = self.count * self.devices
        if batch % devices:
            nearest = max(1, round(batch / devices)) * devices
            raise InputRefused(
                "--batch",
                f"expected a multiple of the {devices} devices that share a step, found {batch}; "
                f"use {nearest}",
            )


@dataclass(frozen=True)
class DistributionStrategy:
    """Describes how a training runs on its devices.

    scope: models built and trained inside it use all devices.
    feature_function: builds the computation of features; None: the one of one device.
    average: returns the means of tensors over all workers; the gradients of a step, for example.
    gather: sends bytes to all workers; returns those of each worker, in their order.
    shared: returns an unfinished run that all workers read and only the first writes.
    leave: ends the common work; after it each worker is alone.
    """

    shard: WorkerShard = WorkerShard()
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext
    feature_function: FeatureFunctionBuilder | None = None
    average: Callable[[Sequence[Any]], Sequence[Any]] = lambda tensors: tensors
    gather: Callable[[bytes], list[bytes]] = lambda message: [message]
    shared: Callable[[UnfinishedRun], UnfinishedRun] = lambda unfinished: unfinished
    leave: Callable[[], None] = lambda: None

    @property
    def made_by(self) -> dict[str, int]:
        """Returns what changes the weights, apart from the options; for one device, nothing."""
        devices = self.shard.count * self.shard.devices
        return {"workers": devices} if devices > 1 else {}

    def gather_rows(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Returns the rows of all workers, in the order of the items before `WorkerShard.part`."""
        if self.shard.count == 1:
            return rows
        message = io.BytesIO()
        np.save(message, rows, allow_pickle=False)
        parts = [np.load(io.BytesIO(content)) for content in self.gather(message.getvalue())]
        gathered = np.empty((sum(map(len, parts)), *rows.shape[1:]), rows.dtype)
        for index, part in enumerate(parts):
            gathered[index :: self.shard.count] = part
        return gathered

    def mean(self, *numbers: float, weight: float = 1.0) -> list[float]:
        """Returns the means of numbers over all workers, which may weigh theirs differently."""
        if self.shard.count == 1:
            return list(numbers)
        contents = self.gather(json.dumps([weight, *numbers]).encode())
        weights, *columns = zip(*map(json.loads, contents), strict=True)
        return [float(np.average(column, weights=weights)) for column in columns]


ALONE = DistributionStrategy()
"""Trains on one device."""
