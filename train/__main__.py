"""Runs `python -m train DIR` and `python -m train VERB ...`."""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback before `handle_signals`

from runtime.cli.identity import program_name
from runtime.cli.signals import ending_at_once, handle_signals

NAME = program_name("train")
if __name__ == "__main__":
    handle_signals(NAME)  # before the imports below, which take most of a start

import os
import sys
from collections.abc import Sequence

from runtime.cli import completion
from runtime.cli.program import run_program
from runtime.system.lazy_loading import import_module
from train.commands.table import TRAIN, VERBS


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line `arguments`, by default that of this process; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words and completion.VARIABLE in os.environ:
        completion.offer((word, verb.help) for word, verb in VERBS.items())
    verb = TRAIN
    if words and words[0] in VERBS:
        verb = VERBS[words.pop(0)]
    with ending_at_once():
        command = import_module(verb.module)
    return int(command.main(words))


if __name__ == "__main__":
    run_program(NAME, main, sys.argv[1:], "train")
