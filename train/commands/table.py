"""Lists the verbs of `python -m train`: one file and one row each."""

import os
from collections.abc import Sequence

from runtime.cli import completion
from runtime.cli.dispatch import Verb
from runtime.cli.signals import ending_at_once
from runtime.system.lazy_loading import import_module

TRAIN = Verb("train.commands.train", "fine-tune a classifier on a folder of images")
"""Runs if the first word is no verb: that word is the folder to train on."""
VERBS = {
    "check": Verb("train.commands.check", "find the faults of a folder of images"),
    "sample": Verb("train.commands.sample", "write a real sample data set, a folder per class"),
    "evaluate": Verb("train.commands.evaluate", "measure how accurate the model of a run is"),
    "predict": Verb("train.commands.predict", "name what is in images with the model of a run"),
    "choose": Verb("train.commands.choose", "choose a network that is fast and small enough"),
    "tune": Verb("train.commands.tune", "find the options that train best, by trying them"),
}


def main(words: Sequence[str]) -> int:
    """Runs the command line; returns the exit code."""
    if not words and completion.VARIABLE in os.environ:
        completion.offer((word, verb.help) for word, verb in VERBS.items())
    verb = VERBS.get(words[0]) if words else None
    with ending_at_once():
        command = import_module((verb or TRAIN).module)
    return int(command.main(words[1:] if verb else words))
