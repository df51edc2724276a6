"""A command line of several verbs, each in a module of its own that is imported when it is chosen."""

import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from runtime import cli
from runtime.plugins import import_module

BLAS_THREADS = "OPENBLAS_NUM_THREADS"


class Verb(NamedTuple):
    """Its module, which has `main(arguments) -> exit code` and is imported when chosen; and what it does, in a few words."""

    module: str
    help: str


def dispatch(name: str, description: str, verbs: Mapping[str, Verb], arguments: Sequence[str] | None) -> int:
    """Hands the words after the verb to its module; returns the exit code.

    Args:
        name: of the program.
        description: what its --help begins with.
        verbs: by the word that chooses them.
        arguments: the words; None: those of this process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in verbs:
        with _one_blas_thread():
            module = import_module(verbs[words[0]].module)
        return int(module.main(words[1:]))
    parser = cli.Parser(prog=name, description=description)
    cli.add_version(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for word, verb in verbs.items():
        commands.add_parser(word, help=verb.help, add_help=False)
    parser.parse_args(words)
    return cli.REFUSED


@contextmanager
def _one_blas_thread() -> Generator[None, None, None]:
    """While numpy is imported: its OpenBLAS starts a thread a core then, each with 40 MB of addresses, and no model here uses them."""
    if BLAS_THREADS in os.environ:
        yield
        return
    os.environ[BLAS_THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[BLAS_THREADS]
