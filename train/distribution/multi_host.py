"""Trains on several machines with Keras' data parallelism on JAX, each with all its devices.

Keras' TensorFlow backend cannot do it: `fit` under MultiWorkerMirroredStrategy fails (keras#20585;
in Keras 3.15 its symbolic build raises "Attempt to convert a value (PerReplica:...)"). JAX adds up
the gradients of a step over the network, with Gloo on CPUs and NCCL on NVIDIA cards.
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
from train.checkpoints.checkpoint import Checkpoint, read_checkpoint
from train.checkpoints.resume import UnfinishedRun
from train.distribution.arguments import LOST
from train.distribution.strategy import DistributionStrategy, WorkerShard

CONNECT_TIMEOUT_S = 300
"""How long a worker waits for the others to start."""
HEARTBEAT_TIMEOUT_S = 20
"""A worker without a sign of life for this time counts as dead.

If its process ended, the others notice at their next step.
"""
NETWORK_WORDS = ("Gloo", "NCCL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "coordination", "Connection")
"""Each JAX error about a lost connection has one of them; it has no type of its own."""


def join(address: str, index: int, count: int) -> DistributionStrategy:
    """Connects worker `index`, from 0, of `count`; returns the strategy of all.

    The workers meet at `address`, the host:port of the first.

    Raises:
        MachineError: a worker is missing, or the first cannot listen at `address`.
        InputRefused: the workers have different numbers of devices.
    """
    if index == 0:
        _require_free(address)
    jax.config.update("jax_enable_preemption_service", False)  # it would take over SIGTERM
    with _network_errors():
        jax.distributed.initialize(
            address,
            count,
            index,
            initialization_timeout=CONNECT_TIMEOUT_S,
            heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT_S,
            shutdown_timeout_seconds=HEARTBEAT_TIMEOUT_S,
            coordinator_bind_address=address,
        )
        devices = jax.local_device_count()
        counts = [int(message) for message in gather(str(devices).encode())]
    if set(counts) != {devices}:
        raise InputRefused(
            "--distribute",
            "expected the same number of devices on each machine, "
            f"found {', '.join(map(str, counts))}",
        )
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)

    @contextmanager
    def scope() -> Generator[None, None, None]:
        keras.distribution.set_distribution(distribution)
        try:
            with _network_errors():
                yield
        finally:
            keras.distribution.set_distribution(None)

    def shared(unfinished: UnfinishedRun) -> UnfinishedRun:
        return _SharedRun(unfinished.folder, unfinished.made_by, chief=index == 0)

    return DistributionStrategy(
        WorkerShard(index, count, devices),
        scope,
        _feature_function,
        own_model=True,
        gather=gather,
        shared=shared,
        leave=_leave,
    )


def _require_free(address: str) -> None:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_server((host, int(port))).close()
    except (OSError, OverflowError) as error:
        raise MachineError(
            address,
            f"the first worker cannot listen there: {error}; choose another --distribute",
        ) from error


def gather(message: bytes) -> list[bytes]:
    """Returns the message of each worker, in their order; waits for all.

    Raises:
        MachineError: a worker is gone.
    """
    with _network_errors():
        lengths = multihost_utils.process_allgather(np.int32(len(message)))
        padded = np.frombuffer(message.ljust(int(max(lengths)) + 1, b"\0"), np.uint8)
        rows = multihost_utils.process_allgather(padded)
    return [row[:length].tobytes() for row, length in zip(rows, lengths, strict=True)]


def _leave() -> None:
    with _network_errors():
        gather(b"")
        jax.distributed.shutdown()


@contextmanager
def _network_errors() -> Generator[None, None, None]:
    """Turns JAX's errors about a lost connection into one line."""
    try:
        yield
    except QuinceError:
        raise
    except (ValueError, RuntimeError) as error:
        if not any(word in str(error) for word in NETWORK_WORDS):
            raise
        raise MachineError("--distribute", LOST) from error


def _feature_function(
    submodel: keras.Model | None, augment: keras.Sequential | None
) -> Callable[[Any], Any]:
    """Builds what `single_device.feature_function` builds, for this worker's first device."""

    def augmented(batch: Any) -> Any:
        return batch if augment is None else augment(batch, training=True)

    if submodel is None:
        return augmented
    variables = (
        [variable.value for variable in submodel.trainable_variables],
        [variable.value for variable in submodel.non_trainable_variables],
    )
    compute = jax.jit(
        lambda variables, batch: submodel.stateless_call(*variables, batch, training=False)[0]
    )
    return lambda batch: compute(variables, augmented(batch))


@dataclass(frozen=True)
class _SharedRun(UnfinishedRun):
    """Keeps an unfinished run on the first worker's disk; all workers resume from it."""

    chief: bool

    def read(self) -> Checkpoint | None:
        own = self.path.read_bytes() if self.chief and self.path.exists() else b""
        content = gather(own)[0]
        if not content:
            return None
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / self.path.name
            copy.write_bytes(content)
            return read_checkpoint(copy)

    def write(self, checkpoint: Checkpoint) -> None:
        if self.chief:
            super().write(checkpoint)
