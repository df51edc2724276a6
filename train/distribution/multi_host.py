"""Trains on several machines through TensorFlow's MultiWorkerMirroredStrategy, a worker on each.

Each worker holds a model of its own and trains it as one machine does, on its part of every batch.
The strategy averages the gradients of a step over all workers, so their models stay equal. The
model is not built in the strategy's scope: there Keras' `fit` fails (keras#20585).
"""

import socket
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from train.checkpoints.checkpoint import Checkpoint, read_checkpoint
from train.checkpoints.resume import UnfinishedRun
from train.distribution.connections import WorkerConnections, connect_workers, lost_worker
from train.distribution.strategy import DistributionStrategy, WorkerShard

NETWORK_ERRORS = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.UnavailableError,
)


def join(address: str, index: int, count: int) -> DistributionStrategy:
    """Connects worker `index`, from 0, of `count`; returns the strategy of all.

    The workers meet at `address`, the host:port of the first. Each uses its first graphics card.

    Raises:
        MachineError: a worker is missing, or the first cannot listen at `address`.
        InputRefused: the workers are numbered wrongly.
    """
    connections = connect_workers(address, index, count)
    tf.config.set_visible_devices(tf.config.list_physical_devices("GPU")[:1], "GPU")
    servers = [server.decode() for server in connections.gather(_server(connections.host).encode())]
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": servers}),
        task_type="worker",
        task_id=index,
        rpc_layer="grpc",
    )
    with _network_errors():
        strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)

    def shared(unfinished: UnfinishedRun) -> UnfinishedRun:
        return _SharedRun(unfinished.folder, unfinished.made_by, index == 0, connections)

    return DistributionStrategy(
        WorkerShard(index, count),
        _network_errors,
        average=_averaging(strategy),
        gather=connections.gather,
        shared=shared,
        leave=connections.leave,
    )


def _server(host: str) -> str:
    """Returns an address for this worker's TensorFlow, with a port that is free now."""
    with socket.create_server(("", 0)) as probe:
        return f"{host}:{probe.getsockname()[1]}"


@contextmanager
def _network_errors() -> Generator[None, None, None]:
    with lost_worker(*NETWORK_ERRORS):
        yield


def _averaging(
    strategy: tf.distribute.Strategy,
) -> Callable[[Sequence[Any]], list[Any]]:
    """Returns a function that averages float32 tensors over all workers, in one message."""

    def average(tensors: Sequence[Any]) -> list[Any]:
        tensors = [tf.convert_to_tensor(tensor) for tensor in tensors]
        message = tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0)
        with strategy.scope():
            mean = strategy.reduce("MEAN", message, axis=None)
        parts = tf.split(mean, [tensor.shape.num_elements() for tensor in tensors])
        return [tf.reshape(part, tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]

    return average


@dataclass(frozen=True)
class _SharedRun(UnfinishedRun):
    """Keeps an unfinished run on the first worker's disk; all workers resume from it."""

    chief: bool
    connections: WorkerConnections

    def read(self) -> Checkpoint | None:
        own = self.path.read_bytes() if self.chief and self.path.exists() else b""
        content = self.connections.gather(own)[0]
        if not content:
            return None
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / self.path.name
            copy.write_bytes(content)
            return read_checkpoint(copy)

    def write(self, checkpoint: Checkpoint) -> None:
        if self.chief:
            super().write(checkpoint)
