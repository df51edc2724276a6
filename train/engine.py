"""What a training computes on, as the rest of it sees that: one device, the cards of one machine, or several machines."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

from runtime.errors import InputRefused
from train.unfinished import Unfinished

Item = TypeVar("Item")
Step = Callable[[Any, Any], Callable[[Any], Any]]
"""(part of a model or None, augmentation or None) -> a function from a batch of inputs to what they make of it."""


@dataclass(frozen=True)
class Share:
    """What is this worker's: number `index` of `count` workers, one on each machine, which computes on so many devices."""

    index: int = 0
    count: int = 1
    devices: int = 1

    @property
    def chief(self) -> bool:
        """Whether this worker writes the run folder and tells what happens."""
        return self.index == 0

    def part(self, items: list[Item]) -> list[Item]:
        """Every count-th of the items. As many for each worker and each of its devices, so that a few may come twice."""
        own = items[self.index :: self.count] or items
        longest = -(-len(items) // self.count)
        return [own[number % len(own)] for number in range(-(-longest // self.devices) * self.devices)]

    def batch(self, batch: int) -> int:
        """How many pictures of a step are this worker's.

        Raises:
            InputRefused: the step cannot be shared evenly.
        """
        devices = self.count * self.devices
        if batch % devices:
            nearest = max(1, round(batch / devices)) * devices
            raise InputRefused("--batch", f"expected a multiple of the {devices} devices that share a step, found {batch}; take {nearest}")
        return batch // self.count


@dataclass(frozen=True)
class Engine:
    """How one of them does it.

    scope: what is built and trained within it is spread over the devices. step: computes features; None: as on one device.
    own_model: features are computed with a model of the worker's own, because that which learns is spread over machines.
    gather: what each worker says, in their order. shared: an unfinished training that all workers read and the first one writes.
    leave: ends the work of all together; after it each is alone.
    """

    share: Share = Share()
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext
    step: Step | None = None
    own_model: bool = False
    gather: Callable[[bytes], list[bytes]] = lambda said: [said]
    shared: Callable[[Unfinished], Unfinished] = lambda partial: partial
    leave: Callable[[], None] = lambda: None

    @property
    def made_by(self) -> dict[str, int]:
        """What of it changes the weights, beside the options."""
        devices = self.share.count * self.share.devices
        return {"workers": devices} if devices > 1 else {}


ALL = Share()
"""One worker's, with one device."""
ALONE = Engine()
"""One device."""
