"""python -m benchmarks VERB ..."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `cli.run`: imports that Ctrl-C interrupts would show a traceback

import sys
from collections.abc import Sequence

from benchmarks.commands import VERBS
from runtime import cli
from runtime.verbs import dispatch

NAME = cli.program("benchmarks")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return dispatch(NAME, "Measure exported models on this machine. Needs no TensorFlow.", VERBS, arguments)


if __name__ == "__main__":
    cli.run(NAME, main, sys.argv[1:])
