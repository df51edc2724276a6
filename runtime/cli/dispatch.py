"""Runs a command line of several verbs; the module of a verb is imported when it is chosen."""

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, add_version
from runtime.cli.signals import ending_at_once
from runtime.errors import REFUSED
from runtime.system.lazy_loading import import_module

BLAS_THREADS = "OPENBLAS_NUM_THREADS"


class Verb(NamedTuple):
    """Names the module of a verb, which has `main(arguments) -> exit code`, and its help text."""

    module: str
    help: str


def dispatch(
    package: str, description: str, verbs: Mapping[str, Verb], words: Sequence[str]
) -> int:
    """Hands the words after the verb to its module; returns the exit code.

    Args:
        package: whose program it is.
        description: the first line of its --help.
        verbs: each verb by the word that chooses it.
        words: of the command line.
    """
    if words and words[0] in verbs:
        with ending_at_once(), _one_blas_thread():
            module = import_module(verbs[words[0]].module)
        return int(module.main(words[1:]))
    parser = CommandParser(prog=program_name(package), description=description)
    add_version(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for word, verb in verbs.items():
        commands.add_parser(word, help=verb.help, add_help=False)
    parser.parse_args(words)
    return REFUSED


@contextmanager
def _one_blas_thread() -> Generator[None, None, None]:
    """Keeps numpy from starting threads while it is imported.

    Its OpenBLAS starts one for each core, each with 40 MB of addresses, and no model uses them.
    """
    if BLAS_THREADS in os.environ:
        yield
        return
    os.environ[BLAS_THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[BLAS_THREADS]
