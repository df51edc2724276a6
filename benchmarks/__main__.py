"""Runs `python -m benchmarks VERB ...`."""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback before `handle_signals`

from runtime.cli.identity import program_name
from runtime.cli.signals import handle_signals

NAME = program_name("benchmarks")
if __name__ == "__main__":
    handle_signals(NAME)  # before the imports below, which take most of a start

import sys
from collections.abc import Sequence

from benchmarks.commands.table import VERBS, WORKSTATION_VERBS
from runtime.cli.dispatch import dispatch
from runtime.cli.program import run_program
from runtime.errors import MachineError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in WORKSTATION_VERBS and words[0] not in VERBS:
        raise MachineError(
            words[0],
            "not installed here; run it on the workstation, or in a checkout of the project",
        )
    return dispatch(
        NAME, "Measure exported models on this machine. Needs no TensorFlow.", VERBS, words
    )


if __name__ == "__main__":
    run_program(NAME, main, sys.argv[1:], "benchmarks")
