"""--distribute: on which cards or machines a training runs."""

import argparse
import json
import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager, redirect_stderr
from typing import Any

from runtime import cli
from runtime.errors import InputRefused
from runtime.plugins import Plugin, require
from runtime.quiet import prepare_tensorflow
from train.engine import ALONE, Engine
from train.unfinished import differences

CARDS = "cards"
ADDRESS = re.compile(r"\S+:\d{1,5}")
PLACE = re.compile(r"([1-9]\d{0,3})/([1-9]\d{0,3})")
LOST = "another worker ended or cannot be reached; see what it said. The same command on all of them goes on from the last whole epoch"


def add_distribute(parser: argparse.ArgumentParser) -> None:
    """Adds --distribute and --worker."""
    parser.add_argument(
        "--distribute",
        nargs="?",
        const=CARDS,
        metavar="HOST:PORT",
        help="train on all graphics cards of this machine; or with an address of the first worker, and --worker, on several machines",
    )
    parser.add_argument(
        "--worker", metavar="I/N", help="which of how many workers this one is, as 2/3; each machine is given the same command otherwise"
    )


def place(distribute: str | None, worker: str | None) -> tuple[int, int] | None:
    """The index from 0 and the number of workers of several machines; None on one machine.

    Raises:
        InputRefused: --distribute and --worker do not go together.
    """
    if distribute in (None, CARDS):
        if worker is not None:
            raise InputRefused("--worker", "needs --distribute HOST:PORT, the address at which the workers meet the first of them")
        return None
    if not ADDRESS.fullmatch(str(distribute)):
        raise InputRefused("--distribute", f"expected HOST:PORT of the first worker, or nothing, found {distribute}")
    found = PLACE.fullmatch(worker or "")
    if not found or int(found[1]) > int(found[2]) or int(found[2]) < 2:
        raise InputRefused("--worker", f"expected I/N, as 1/2 on the first of two machines, found {worker or 'nothing'}")
    return int(found[1]) - 1, int(found[2])


def choose_engine(distribute: str | None, where: tuple[int, int] | None) -> Engine:
    """What a training computes on.

    Raises:
        MachineError: JAX is missing, or another worker does not come.
    """
    if distribute is None:
        return ALONE
    if where is None:
        require("--distribute", "train", "tensorflow", "keras")
        prepare_tensorflow()
        return Plugin("train.cards:all_cards", extra="train").load()()  # type: ignore[no-any-return]
    require("--distribute", "distribute", "jax", "keras")
    prepare_tensorflow("jax")
    engine: Engine = Plugin("train.machines:join", extra="distribute").load()(distribute, *where)
    return engine


def require_same(engine: Engine, made_by: Mapping[str, Any]) -> None:
    """Compares what each worker is about to make.

    Raises:
        InputRefused: this one was given other options, pictures or code than the first.
    """
    first = json.loads(engine.gather(json.dumps(made_by).encode())[0])
    found = differences(json.loads(json.dumps(made_by)), first)
    if found:
        raise InputRefused("--distribute", f"expected the same as on the first worker, found here {'; '.join(found.values())}")


@contextmanager
def only_the_first_speaks(engine: Engine) -> Generator[None, None, None]:
    """Within it, other workers say nothing on standard error; what they end with is said after it."""
    if engine.share.chief:
        yield
        return
    cli.say(f"{cli.program('train')}: worker {engine.share.index + 1} of {engine.share.count}: at work; the first worker tells how it goes")
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        yield
