"""Runs `export judge BUNDLE --strangers DIR`: what does a file answer to strangers?"""

import argparse
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from export.parity.artifact_record import read_records
from runtime.answer import Answer
from runtime.bundles.bundle import PARITY
from runtime.classifier import Classifier
from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import add_json
from runtime.errors import DONE, REFUSED, ImageRefused, InputRefused
from runtime.shared.prediction_output import predict_images
from runtime.shared.progress import Progress
from runtime.shared.statistics import wilson_interval
from runtime.shared.wording import counted
from runtime.sources.paths import walk
from runtime.system.terminal import escape_control_chars, say
from workstation.similarity.measure import auroc

NAME = program_name("export")
MANY_NAMED = 0.05
"""From this share of strangers that are taken for a class on, the text says what to do."""
MAX_NAMED = 3
"""The text names at most so many of the classes that strangers were taken for."""


@dataclass(frozen=True)
class Judgement:
    """Holds the answers of a model file to strangers, images of no class.

    images: how many were read. refused: files that are no images. unknown_images, unsure_images:
    how many got these answers. unknown_low, unknown_high: the 95 % interval of the share of unknown
    ones, 0..1.
    auroc: the chance, 0..1, that a known test image is more similar to the classes than such an
    image; None without similarities. predicted_counts: how many were taken for each class, the most
    first.
    """

    artifact: str
    images: int
    refused: int
    unknown_images: int
    unknown_low: float
    unknown_high: float
    unsure_images: int
    auroc: float | None
    predicted_counts: dict[str, int]


def add_judge_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the bundle, --strangers, --artifact and --json."""
    command.add_argument("bundle", type=Path, help="a bundle that export made")
    command.add_argument(
        "--strangers",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder of strangers: images that show none of the classes",
    )
    command.add_argument("--artifact", metavar="FILE", help="the model file of the bundle")
    add_json(command)


def run_judge(arguments: argparse.Namespace) -> int:
    """Judges, prints the result, and returns the exit code: REFUSED if a file is no image."""
    classifier = Classifier(arguments.bundle, artifact=arguments.artifact, throughput=True)
    result = judge(classifier, arguments.bundle, arguments.strangers)
    print_result(
        asdict(result), as_json=arguments.json, text=partial(_text, result, arguments.strangers)
    )
    return REFUSED if result.refused else DONE


def judge(classifier: Classifier, bundle: Path, strangers: Path) -> Judgement:
    """Returns what the model file says to each image below `strangers`.

    Raises:
        InputRefused: the folder is missing or holds no image, or the bundle has no usable records.
        CheckFailed: the model answered NaN.
    """
    if not strangers.is_dir():
        raise InputRefused(str(strangers), "expected a folder of images that show no class")
    paths = list(walk(strangers))
    answers: list[Answer] = []
    refused = 0
    results = predict_images(
        partial(classifier.answer, top=1),
        classifier.preprocessing,
        paths,
        streams=classifier.streams,
    )
    with closing(results), Progress("strangers", len(paths)) as bar:
        for _, answer in results:
            if isinstance(answer, ImageRefused):
                refused += 1
                say(f"{NAME}: {answer}")
            else:
                answers.append(answer)
            bar.advance()
    if not answers:
        raise InputRefused(str(strangers), "holds no image that can be read")
    verdicts = Counter(answer.verdict for answer in answers)
    low, high = wilson_interval(verdicts["unknown"], len(answers))
    predicted = Counter(answer[0].label for answer in answers if answer.verdict == "known")
    return Judgement(
        classifier.file.name,
        len(answers),
        refused,
        verdicts["unknown"],
        low,
        high,
        verdicts["unsure"],
        _auroc(classifier, bundle, answers),
        dict(predicted.most_common()),
    )


def _auroc(classifier: Classifier, bundle: Path, answers: list[Answer]) -> float | None:
    strange = [answer.similarity for answer in answers if answer.similarity is not None]
    if not strange or not (bundle / PARITY).exists():
        return None
    record = read_records(bundle)[classifier.file.name].similarity_figures
    return auroc(np.array(record.known), np.array(strange)) if record and record.known else None


def _text(result: Judgement, strangers: Path) -> str:
    share = result.unknown_images / result.images
    lines = [
        f"{result.artifact}: {share:.1%} of {counted(result.images, 'image')} of"
        f" {escape_control_chars(str(strangers))} are unknown"
        f" (95 % interval {result.unknown_low:.1%} to {result.unknown_high:.1%})"
    ]
    if result.auroc is not None:
        lines.append(f"  AUROC against the known test images {result.auroc:.4f}")
    named = sum(result.predicted_counts.values())
    most = list(result.predicted_counts.items())[:MAX_NAMED]
    listed = ", ".join(f"{escape_control_chars(label)} {count}" for label, count in most)
    classes = f": {listed}" if listed else ""
    lines.append(f"  {result.unsure_images} unsure, {named} taken for a class{classes}")
    if named > MANY_NAMED * result.images:
        lines.append("  next: add such images to training as a class of their own, or lower --keep")
    return "\n".join(lines)
