"""python -m runtime predict | verify"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from runtime import cli
from runtime.bundle import Bundle
from runtime.classifier import Classifier, Prediction
from runtime.errors import InputRefused, MachineError, PictureRefused
from runtime.golden import Verification, verify
from runtime.sources.files import expand

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
    predict.add_argument("pictures", type=Path, nargs="+", metavar="picture", help="a picture file, or a folder of them")
    predict.add_argument("--top", type=_positive, default=3, metavar="K", help="how many classes to show")
    predict.set_defaults(command=_predict)

    check = commands.add_parser("verify", help="repeat the bundle's golden samples here: is it still the model that was exported?")
    check.add_argument("bundle", type=Path, help="a bundle folder")
    check.set_defaults(command=_verify)

    for command, default in ((predict, "the best that runs here"), (check, "all that run here")):
        command.add_argument("--artifact", metavar="FILE", help=f"which model file of the bundle (default: {default})")
        command.add_argument("--threads", type=_positive, metavar="N", help="interpreter threads (default: the cores allowed)")
        command.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def _predict(options: argparse.Namespace) -> int:
    classifier = Classifier(options.model, artifact=options.artifact, threads=options.threads)
    found = refused = 0
    for picture in expand(options.pictures):
        found += 1
        try:
            predictions = classifier.classify(picture, options.top)
        except PictureRefused as error:
            refused += 1
            cli.say(f"{NAME}: {error}")
            continue
        _show_prediction(picture, predictions, as_json=options.json)
    if not found:
        raise InputRefused(str(options.pictures[0]), "holds no files")
    if refused:
        cli.say(f"{NAME}: refused {refused} of {found} files")
    return cli.REFUSED if refused else cli.DONE


def _show_prediction(picture: Path, predictions: tuple[Prediction, ...], *, as_json: bool) -> None:
    result = {"picture": cli.printable(str(picture)), "predictions": [asdict(prediction) for prediction in predictions]}
    ranked = ", ".join(f"{cli.printable(one.label)} {one.score:.3f}" for one in predictions)
    cli.show(result, as_json=as_json, text=lambda: f"{cli.printable(str(picture))}: {ranked}")


def _verify(options: argparse.Namespace) -> int:
    bundle = Bundle.open(options.bundle)
    artifacts = [artifact for artifact in bundle.manifest.artifacts if options.artifact in (None, artifact.file)]
    if not artifacts:
        raise InputRefused(str(options.bundle), f"has no artifact {options.artifact}" if options.artifact else "holds no exported model")
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


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text}")
    return int(text)


if __name__ == "__main__":
    cli.run(NAME, main, sys.argv[1:])
