"""python -m train predict RUN PICTURE...: name what is in pictures with the Keras model of a run."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from runtime import cli
from runtime.predictions import add_picture_arguments, show_predictions
from runtime.run_folder import read_run
from train.evaluate import load_trained

NAME = cli.program("train")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} predict", description="Name what is in pictures with the Keras model of a run.")
    parser.add_argument("run", type=Path, help="the run folder that training wrote")
    add_picture_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    given = parser.parse_args(arguments)
    manifest, _ = read_run(given.run)
    trained = load_trained(given.run, manifest)
    return show_predictions(NAME, partial(trained.answer, top=given.top), trained.preprocessing, given.pictures, as_json=given.json)
