"""Runs a command line of several verbs; the module of a verb is imported when it is chosen."""

import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import NamedTuple

from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, add_version
from runtime.cli.signals import ending_at_once
from runtime.errors import REFUSED
from runtime.system.lazy_loading import import_module

BLAS_THREADS = "OPENBLAS_NUM_THREADS"
NUMPY_DOCS = tuple(
    f"numpy.{core}._add_newdocs{part}" for core in ("_core", "core") for part in ("", "_scalars")
)
"""The modules that give numpy's functions in C their docstrings and do nothing else."""


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
        skip = skipped_numpy_docs() if package == "runtime" else nullcontext()
        with ending_at_once(), _one_blas_thread(), skip:
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


@contextmanager
def skipped_numpy_docs() -> Generator[None, None, None]:
    """Lets numpy be imported without the docstrings of its functions in C.

    To write them takes 4 % of a start of `python -m runtime predict`, and no command shows them.
    Numpy's own build of its documentation leaves one of these modules out, too. A numpy in which
    they have other names writes its docstrings.
    """
    names = [name for name in NUMPY_DOCS if name not in sys.modules]
    sys.modules.update({name: ModuleType(name) for name in names})
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
