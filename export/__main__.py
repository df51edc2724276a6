"""python -m export tflite | onnx | all RUN"""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback before `handle_signals`

from runtime.cli.identity import program_name
from runtime.cli.signals import ending_at_once, handle_signals

NAME = program_name("export")
if __name__ == "__main__":
    handle_signals(NAME)  # before the imports below, which take most of a start

import importlib
import sys
from collections.abc import Sequence

from runtime.cli.program import run_program


def main(arguments: Sequence[str] | None = None) -> int:
    """Exports a run and returns the exit code."""
    with ending_at_once():
        command = importlib.import_module("export.commands.export")
    return int(command.main(sys.argv[1:] if arguments is None else arguments))


if __name__ == "__main__":
    run_program(NAME, main, sys.argv[1:], "export")
