"""Parses --distribute and --worker, which choose the devices that a training runs on."""

import argparse
import json
import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager, redirect_stderr
from typing import Any

from runtime.cli.identity import program_name
from runtime.errors import InputRefused
from runtime.system.lazy_loading import require_packages, requires_extra
from runtime.system.terminal import say
from train.checkpoints.resume import option_differences
from train.distribution.strategy import ALONE, DistributionStrategy
from workstation.keras_setup import prepare_tensorflow

CARDS = "cards"
"""The value of --distribute without an address."""
ADDRESS = re.compile(r"\S+:\d{1,5}")
WORKER = re.compile(r"([1-9]\d{0,3})/([1-9]\d{0,3})")


def add_distribute(parser: argparse.ArgumentParser) -> None:
    """Adds --distribute and --worker."""
    parser.add_argument(
        "--distribute",
        nargs="?",
        const=CARDS,
        metavar="HOST:PORT",
        help="train on all graphics cards of this machine; with the address of the first worker, "
        "and --worker, on several machines",
    )
    parser.add_argument(
        "--worker",
        metavar="I/N",
        help="the number of this worker, as 2/3; the rest of the command is the same on each "
        "machine",
    )


def worker_position(distribute: str | None, worker: str | None) -> tuple[int, int] | None:
    """Returns the index of this worker, from 0, and the number of workers; None on one machine.

    Raises:
        InputRefused: --distribute and --worker do not fit together.
    """
    if distribute is None or distribute == CARDS:
        if worker is not None:
            raise InputRefused(
                "--worker",
                "needs --distribute HOST:PORT, the address at which the workers meet the first",
            )
        return None
    if not ADDRESS.fullmatch(distribute):
        raise InputRefused(
            "--distribute",
            f"expected HOST:PORT of the first worker, or nothing, found {distribute}",
        )
    match = WORKER.fullmatch(worker or "")
    number, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if count < 2 or number > count:
        raise InputRefused(
            "--worker",
            f"expected I/N, as 1/2 on the first of two machines, found {worker or 'nothing'}",
        )
    return number - 1, count


def choose_strategy(
    distribute: str | None, position: tuple[int, int] | None
) -> DistributionStrategy:
    """Returns what the training runs on; with several machines it connects them.

    Raises:
        MachineError: TensorFlow is missing, or another worker does not connect.
        InputRefused: the workers are numbered wrongly.
    """
    if distribute is None:
        return ALONE
    require_packages("--distribute", "train", "tensorflow", "keras")
    prepare_tensorflow()
    with requires_extra("train", "--distribute"):
        from train.distribution.multi_gpu import all_gpus
        from train.distribution.multi_host import join
    return all_gpus() if position is None else join(distribute, *position)


def require_same(strategy: DistributionStrategy, made_by: Mapping[str, Any]) -> None:
    """Compares what this worker and the first one are about to make.

    Raises:
        InputRefused: this worker has other options, images or code than the first.
    """
    first = json.loads(strategy.gather(json.dumps(made_by).encode())[0])
    differences = option_differences(json.loads(json.dumps(made_by)), first)
    if differences:
        raise InputRefused(
            "--distribute",
            "expected the same as on the first worker, "
            f"found here {'; '.join(differences.values())}",
        )


@contextmanager
def only_chief_reports(strategy: DistributionStrategy) -> Generator[None, None, None]:
    """Hides what other workers than the first write to standard error inside the block."""
    shard = strategy.shard
    if shard.chief:
        yield
        return
    say(
        f"{program_name('train')}: worker {shard.index + 1} of {shard.count}: at work; "
        "the first worker shows the progress"
    )
    with open(os.devnull, "w") as devnull, redirect_stderr(devnull):
        yield
