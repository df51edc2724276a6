"""Lists the verbs of `python -m train`: one file and one row each."""

from runtime.cli.dispatch import Verb

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
