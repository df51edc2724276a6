"""python -m train DIR, or python -m train VERB ..."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `cli.run`: imports that Ctrl-C interrupts would show a traceback

import importlib
import sys
from collections.abc import Sequence

from runtime import cli

NAME = cli.program("train")
VERBS = {
    "check": "train.check_command",
    "sample": "train.sample_command",
    "evaluate": "train.evaluate_command",
    "predict": "train.predict_command",
    "tune": "train.tune_command",
}
"""The module of each verb, with a `main`; imported when chosen. A word that is no verb is the folder to train on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    module = VERBS.get(words[0]) if words else None
    chosen = importlib.import_module(module or "train.train_command")
    return int(chosen.main(words[1:] if module else words))


if __name__ == "__main__":
    cli.run(NAME, main, sys.argv[1:])
