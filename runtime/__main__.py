"""python -m runtime predict | verify"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from runtime import cli
from runtime.bundle import Bundle
from runtime.classifier import Classifier
from runtime.errors import InputRefused, MachineError
from runtime.golden import Verification, verify
from runtime.predictions import add_picture_arguments, show_predictions

NAME = cli.program("runtime")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    code: int = options.command(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(prog=NAME, description="Classify pictures with an exported model. Needs no TensorFlow.")
    cli.add_version(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    predict = commands.add_parser("predict", help="name what is in pictures")
    predict.add_argument("model", type=Path, help="a bundle folder, or one .tflite or .onnx file of it")
    add_picture_arguments(predict)
    predict.set_defaults(command=_predict)

    check = commands.add_parser("verify", help="repeat the bundle's golden samples here: is it still the model that was exported?")
    check.add_argument("bundle", type=Path, help="a bundle folder")
    check.set_defaults(command=_verify)

    for command, default in ((predict, "the best that runs here"), (check, "all that run here")):
        command.add_argument("--artifact", metavar="FILE", help=f"which model file of the bundle (default: {default})")
        command.add_argument("--threads", type=cli.positive, metavar="N", help="interpreter threads (default: the cores allowed)")
        command.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def _predict(options: argparse.Namespace) -> int:
    classifier = Classifier(options.model, artifact=options.artifact, threads=options.threads)
    return show_predictions(NAME, partial(classifier.classify, top=options.top), options.pictures, as_json=options.json)


def _verify(options: argparse.Namespace) -> int:
    bundle = Bundle.open(options.bundle)
    exported = [artifact for artifact in bundle.manifest.artifacts if artifact.format != "keras"]
    if not exported:
        raise bundle.without_models()
    artifacts = [artifact for artifact in exported if options.artifact in (None, artifact.file)]
    if not artifacts:
        raise InputRefused(str(options.bundle), f"has no artifact {options.artifact}")
    codes: list[int] = []
    missing: list[MachineError] = []
    for artifact in artifacts:
        try:
            result = verify(bundle, artifact, options.threads)
        except MachineError as error:  # its interpreter is not installed; the others are still checked
            missing.append(error)
            continue
        cli.show({**asdict(result), "passed": result.passed}, as_json=options.json, text=partial(_verdict, result))
        codes.append(cli.DONE if result.passed else cli.CHECK_FAILED)
    if not codes:
        raise missing[0]
    for absent in missing:
        cli.say(f"not checked: {absent}")
    return max(codes)


def _verdict(result: Verification) -> str:
    what = f"{result.artifact}: {result.pictures} golden pictures, same top-1 {result.same_top1:.1%}"
    what += f", worst score difference {result.worst_score_difference:.2g}"
    if result.passed:
        return f"{what}: as exported"
    return f"{what}: DIFFERS at the stage '{result.stage}' on {len(result.details)}: {', '.join(map(cli.printable, result.details[:5]))}"


if __name__ == "__main__":
    cli.run(NAME, main, sys.argv[1:])
