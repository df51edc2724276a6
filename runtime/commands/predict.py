"""Runs `python -m runtime predict MODEL IMAGE...`, which names what is in images."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from runtime.classifier import Classifier
from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, add_interpreter_arguments, add_thresholds
from runtime.commands.table import VERBS
from runtime.shared.external_model_arguments import (
    add_external_model_arguments,
    external_model_options,
)
from runtime.shared.prediction_output import add_image_arguments, are_many, show_predictions
from runtime.sources.base import open_source
from runtime.system.terminal import say

NAME = program_name("runtime")


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = CommandParser(
        prog=f"{NAME} predict", description=VERBS["predict"].help.capitalize() + "."
    )
    parser.add_argument(
        "model",
        type=Path,
        help="a bundle folder, one .tflite or .onnx file of it, or one from elsewhere",
    )
    add_image_arguments(parser)
    add_thresholds(parser)
    parser.add_argument(
        "--explain",
        type=Path,
        metavar="DIR",
        help="write a heat map of each image into this folder, a PNG: which part of it speaks for"
        " the answer",
    )
    add_interpreter_arguments(parser, "the best that runs here")
    add_external_model_arguments(parser)
    options = parser.parse_args(arguments)
    classifier = Classifier(
        options.model,
        artifact=options.artifact,
        threads=options.threads,
        spec=external_model_options(options),
        throughput=are_many([open_source(image) for image in options.images]),
    )
    if options.min_score is not None:
        classifier.require_scores("--min-score")
    if options.min_similarity is not None:
        classifier.require_similarities("--min-similarity")
    classifier.thresholds = classifier.thresholds.replaced(
        options.min_score, options.min_similarity
    )
    if classifier.remark:
        say(f"{NAME}: {classifier.remark}")
    explanations = None
    if options.explain:
        # Imported here, because it takes time at the start of predict.
        from runtime.explanation.folder import ExplanationFolder

        explanations = ExplanationFolder(classifier, options.explain, options.images)
    return show_predictions(
        NAME,
        partial(classifier.answer, top=options.top),
        classifier.preprocessing,
        options.images,
        as_json=options.json,
        model_id=classifier.id,
        streams=classifier.streams,
        verbose=options.verbose,
        explanations=explanations,
    )
