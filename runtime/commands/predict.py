"""python -m runtime predict MODEL PICTURE...: names what is in pictures."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from runtime import cli
from runtime.classifier import Classifier
from runtime.commands import VERBS
from runtime.foreign_arguments import add_foreign_arguments, foreign_options
from runtime.predictions import add_picture_arguments, are_many, show_predictions
from runtime.sources import open_source

NAME = cli.program("runtime")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} predict", description=VERBS["predict"].help.capitalize() + ".")
    parser.add_argument("model", type=Path, help="a bundle folder, one .tflite or .onnx file of it, or one from elsewhere")
    add_picture_arguments(parser)
    cli.add_min_score(parser)
    cli.add_interpreter_arguments(parser, "the best that runs here")
    add_foreign_arguments(parser)
    options = parser.parse_args(arguments)
    classifier = Classifier(
        options.model,
        artifact=options.artifact,
        threads=options.threads,
        foreign=foreign_options(options),
        throughput=are_many([open_source(picture) for picture in options.pictures]),
    )
    answer = partial(classifier.answer, top=options.top)
    return show_predictions(
        NAME,
        answer,
        classifier.preprocessing,
        options.pictures,
        as_json=options.json,
        model_id=classifier.id,
        min_score=classifier.min_score if options.min_score is None else options.min_score,
        streams=classifier.streams,
    )
