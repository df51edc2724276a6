"""python -m runtime VERB ..."""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback before `handle_signals`

from runtime.cli.identity import program_name
from runtime.cli.signals import handle_signals

NAME = program_name("runtime")
if __name__ == "__main__":
    handle_signals(NAME)  # before the imports below, which take most of a start

import sys
from collections.abc import Sequence

from runtime.cli.dispatch import dispatch
from runtime.cli.program import run_program
from runtime.commands.table import VERBS


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb and returns the exit code."""
    return dispatch(
        NAME, "Classify images with an exported model. Needs no TensorFlow.", VERBS, arguments
    )


if __name__ == "__main__":
    run_program(NAME, main, sys.argv[1:], "runtime")
