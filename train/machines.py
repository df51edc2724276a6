"""Several machines that train as one: Keras' own data parallelism on its JAX backend, each with all its devices.

Keras' TensorFlow backend cannot: `fit` under MultiWorkerMirroredStrategy fails (keras#20585; Keras 3.15: "Attempt to convert a value
(PerReplica:...)", in its symbolic build). JAX adds up the gradients of a step over the network (Gloo on processors, NCCL on NVIDIA cards).
"""

import socket
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils

from runtime.errors import InputRefused, MachineError, QuinceError
from train.checkpoint import Checkpoint, read_checkpoint
from train.distribute import LOST
from train.engine import Engine, Share
from train.unfinished import Unfinished

CONNECT_S = 300
"""How long workers wait for the others to be started."""
SILENT_S = 20
"""A worker that says nothing for so long is taken for dead; where its process ended, the others notice at the next step."""
OF_THE_NETWORK = ("Gloo", "NCCL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "coordination", "Connection")
"""What JAX's errors of a broken connection say: they have no type of their own."""


def join(address: str, index: int, count: int) -> Engine:
    """The engine of `count` workers that meet at `address` (host:port of the first of them), of which this is number `index`, from 0.

    Raises:
        MachineError: not all of them came.
        InputRefused: they have different numbers of devices.
    """
    if index == 0:
        _require_free(address)
    jax.config.update("jax_enable_preemption_service", False)  # which takes SIGTERM for itself
    with _network():
        jax.distributed.initialize(
            address,
            count,
            index,
            initialization_timeout=CONNECT_S,
            heartbeat_timeout_seconds=SILENT_S,
            shutdown_timeout_seconds=SILENT_S,
            coordinator_bind_address=address,
        )
        devices = jax.local_device_count()
        found = [int(said) for said in gather(str(devices).encode())]
    if set(found) != {devices}:
        raise InputRefused("--distribute", f"expected as many devices on each machine, found {', '.join(map(str, found))}")
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)

    @contextmanager
    def spread() -> Generator[None, None, None]:
        keras.distribution.set_distribution(distribution)
        try:
            with _network():
                yield
        finally:
            keras.distribution.set_distribution(None)

    return Engine(
        Share(index, count, devices),
        spread,
        _step,
        own_model=True,
        gather=gather,
        shared=lambda partial: _Shared(partial.folder, partial.made_by, chief=index == 0),
        leave=_leave,
    )


def _require_free(address: str) -> None:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_server((host, int(port))).close()
    except (OSError, OverflowError) as error:
        raise MachineError(address, f"the first worker cannot wait for the others there: {error}; choose another --distribute") from error


def gather(said: bytes) -> list[bytes]:
    """What each worker says, in their order; waits for all.

    Raises:
        MachineError: one of them is gone.
    """
    with _network():
        lengths = multihost_utils.process_allgather(np.int32(len(said)))
        padded = np.frombuffer(said.ljust(int(max(lengths)) + 1, b"\0"), np.uint8)
        rows = multihost_utils.process_allgather(padded)
    return [row[:length].tobytes() for row, length in zip(rows, lengths, strict=True)]


def _leave() -> None:
    with _network():
        gather(b"")
        jax.distributed.shutdown()


@contextmanager
def _network() -> Generator[None, None, None]:
    try:
        yield
    except QuinceError:
        raise
    except (ValueError, RuntimeError) as error:
        if not any(word in str(error) for word in OF_THE_NETWORK):
            raise
        raise MachineError("--distribute", LOST) from error


def _step(part: keras.Model | None, augment: keras.Sequential | None) -> Callable[[Any], Any]:
    """As train.one_device.step, on this worker's first device."""

    def augmented(batch: Any) -> Any:
        return batch if augment is None else augment(batch, training=True)

    if part is None:
        return augmented
    weights = [one.value for one in part.trainable_variables], [one.value for one in part.non_trainable_variables]
    compute = jax.jit(lambda weights, batch: part.stateless_call(*weights, batch, training=False)[0])
    return lambda batch: compute(weights, augmented(batch))


@dataclass(frozen=True)
class _Shared(Unfinished):
    """A checkpoint on the first worker's disk that all begin from."""

    chief: bool

    def read(self) -> Checkpoint | None:
        content = self.path.read_bytes() if self.chief and self.path.exists() else b""
        content = gather(content)[0]
        if not content:
            return None
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / self.path.name
            copy.write_bytes(content)
            return read_checkpoint(copy)

    def write(self, checkpoint: Checkpoint) -> None:
        if self.chief:
            super().write(checkpoint)
