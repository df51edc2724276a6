"""python -m export tflite | onnx | all RUN"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `cli.run`: imports that Ctrl-C interrupts would show a traceback

import importlib
import sys
from collections.abc import Sequence

from runtime import cli


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return int(importlib.import_module("export.export_command").main(sys.argv[1:] if arguments is None else arguments))


if __name__ == "__main__":
    cli.run(cli.program("export"), main, sys.argv[1:])
