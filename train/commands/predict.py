"""Runs `python -m train predict RUN IMAGE...`, which names what is in images with a run's model."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, add_json
from runtime.shared.prediction_output import add_image_arguments, show_predictions
from train.evaluation.evaluate import load_trained
from workstation.run_folder import read_run

NAME = program_name("train")


def main(arguments: Sequence[str]) -> int:
    """Runs the command line `arguments`; returns the exit code."""
    parser = CommandParser(
        prog=f"{NAME} predict", description="Name what is in images with the Keras model of a run."
    )
    parser.add_argument("run", type=Path, help="the run folder that training wrote")
    add_image_arguments(parser)
    add_json(parser, lines=True)
    parsed = parser.parse_args(arguments)
    manifest, _ = read_run(parsed.run)
    classifier = load_trained(parsed.run, manifest)
    return show_predictions(
        NAME,
        partial(classifier.answer, top=parsed.top),
        classifier.preprocessing,
        parsed.images,
        as_json=parsed.json,
        verbose=parsed.verbose,
    )
