"""python -m runtime VERB ..."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `cli.run`: imports that Ctrl-C interrupts would show a traceback

import sys
from collections.abc import Sequence

from runtime import cli
from runtime.commands import VERBS
from runtime.verbs import dispatch

NAME = cli.program("runtime")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return dispatch(NAME, "Classify pictures with an exported model. Needs no TensorFlow.", VERBS, arguments)


if __name__ == "__main__":
    cli.run(NAME, main, sys.argv[1:])
