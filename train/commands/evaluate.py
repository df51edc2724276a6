"""Runs `python -m train evaluate RUN [DIR]`, which measures a run's model on labelled images."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, add_json
from runtime.errors import DONE
from runtime.shared.rerun_command import rerun_command
from runtime.shared.statistics import counted_images
from runtime.system.atomic_files import write_file
from runtime.system.lazy_loading import requires_extra
from runtime.system.provenance import KERAS_PACKAGES, versions
from runtime.system.terminal import escape_control_chars, say
from train.commands.arguments import require_new_page
from train.evaluation.evaluate import EvaluatedImages, Evaluation, evaluate

NAME = program_name("train")
MAX_REFUSED = 10
MAX_LABEL_COLUMNS = 30


def main(arguments: Sequence[str]) -> int:
    """Runs the command line `arguments`; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    if parsed.report is not None:
        require_new_page(parsed.report, overwrite=parsed.overwrite)

    evaluated = evaluate(parsed.run, parsed.folder, parsed.data)
    result = evaluated.evaluation
    _say_refused(evaluated)
    for warning in result.warnings():
        say(f"{NAME}: {warning}")
    if parsed.report is not None:
        _write_report(parsed.report, evaluated, rerun_command("train", ["evaluate", *arguments]))
    mistakes = [
        asdict(replace(mistake, path=escape_control_chars(mistake.path)))
        for mistake in result.mistakes
    ]
    print_result(
        {**asdict(result), "mistakes": mistakes},
        as_json=parsed.json,
        text=lambda: "\n".join(_lines(result)),
    )
    return DONE


def _say_refused(evaluated: EvaluatedImages) -> None:
    for image in evaluated.refused[:MAX_REFUSED]:
        say(f"{NAME}: {Path(evaluated.evaluation.image_folder) / image.path}: {image.reason}")
    if len(evaluated.refused) > MAX_REFUSED:
        say(f"{NAME}: ... and {len(evaluated.refused) - MAX_REFUSED} more")


def _write_report(path: Path, evaluated: EvaluatedImages, command: str) -> None:
    with requires_extra("train", "--report"):
        from train.report.report import render
    result = evaluated.evaluation
    findings = result.warnings()
    if evaluated.refused:
        findings.append(f"{len(evaluated.refused)} files were refused")
    findings += [f"{image.path}: {image.reason}" for image in evaluated.refused[:MAX_REFUSED]]
    tested_on = "its own test images"
    if not result.own_test:
        tested_on = f"the images of {Path(result.image_folder).name}"
    page = render(
        evaluated.manifest,
        evaluated.predictions,
        evaluated.pixels,
        command=command,
        packages=versions(*KERAS_PACKAGES),
        findings=findings,
        tested_on=tested_on,
    )
    write_file(path, page)
    say(f"report: {path}")


def _lines(result: Evaluation) -> Iterator[str]:
    metrics = result.scorecard
    yield (
        f"{escape_control_chars(result.run)}: accuracy {metrics.accuracy:.4f} "
        f"(95 % interval {metrics.low:.4f} to {metrics.high:.4f})"
    )
    refused = f", {result.refused} refused" if result.refused else ""
    images = counted_images(metrics.images, metrics.objects)
    yield f"  on {images} in {escape_control_chars(result.image_folder)}{refused}"
    yield (
        f"  balanced accuracy {metrics.balanced_accuracy:.4f}; the constant answer "
        f"'{escape_control_chars(metrics.majority_label)}' would reach {metrics.majority:.4f}"
    )
    labels = [escape_control_chars(row.label) for row in metrics.class_scores]
    width = min(MAX_LABEL_COLUMNS, max(map(len, labels)))
    yield f"  {'class':<{width}}  {'F1':>6} {'recall':>7} {'precision':>10} {'images':>9}"
    for row in metrics.worst_first():
        numbers = (
            f"{_decimals(row.f1):>6} {_decimals(row.recall):>7} "
            f"{_decimals(row.class_precision):>10} {row.images:>9}"
        )
        yield f"  {escape_control_chars(row.label):<{width}}  {numbers}"
    if result.mistakes:
        yield "  most confident mistakes:"
    for mistake in result.mistakes:
        yield (
            f"    {escape_control_chars(mistake.path)}: is {escape_control_chars(mistake.label)}, "
            f"predicted as {escape_control_chars(mistake.predicted)} with {mistake.score:.3f}"
        )


def _decimals(fraction: float | None) -> str:
    return "-" if fraction is None else f"{fraction:.3f}"


def _parser() -> CommandParser:
    parser = CommandParser(
        prog=f"{NAME} evaluate",
        description="Measure the Keras model of a run on images whose class is known.",
    )
    parser.add_argument("run", type=Path, help="the run folder that training wrote")
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        metavar="DIR",
        help="a folder with one folder of images per class (default: the run's test images)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where the images of the run are now, if they moved",
    )
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="also write an HTML page")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the page that --report names"
    )
    add_json(parser)
    return parser
