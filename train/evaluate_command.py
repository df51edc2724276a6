"""python -m train evaluate RUN [DIR]: how good a trained model is on its test pictures, or on others."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from runtime import cli
from runtime.atomic import write_file
from runtime.command import command_line
from runtime.errors import InputRefused
from runtime.plugins import Plugin, require
from runtime.provenance import KERAS_PACKAGES, versions
from train.evaluate import Evaluation, Judgement, evaluate

NAME = cli.program("train")
MOST_NAMED = 10
WIDEST_LABEL = 30


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} evaluate", description="Judge the Keras model of a run on pictures whose class is known.")
    parser.add_argument("run", type=Path, help="the run folder that training wrote")
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="DIR", help="one folder of pictures per class (default: the run's test pictures)"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="where the pictures of the run are now, if they moved")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page about it, too")
    parser.add_argument("--overwrite", action="store_true", help="replace the page that --report names")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    given = parser.parse_args(arguments)
    if given.report is not None:
        _check_report(given.report, overwrite=given.overwrite)

    judgement = evaluate(given.run, given.folder, given.data)
    result = judgement.evaluation
    _name_refused(judgement)
    for warning in result.warnings():
        cli.say(f"{NAME}: {warning}")
    if given.report is not None:
        _write_report(given.report, judgement, command_line("train", ["evaluate", *arguments]))
    shown = [asdict(replace(one, path=cli.printable(one.path))) for one in result.mistakes]
    cli.show({**asdict(result), "mistakes": shown}, as_json=given.json, text=lambda: "\n".join(_lines(result)))
    return cli.DONE


def _check_report(path: Path, *, overwrite: bool) -> None:
    require("--report", "train", "jinja2")
    if path.suffix != ".html":
        raise InputRefused(str(path), "expected a name that ends in .html for --report")
    if path.exists() and not overwrite:
        raise InputRefused(str(path), "is there already; use --overwrite or another --report")


def _name_refused(judgement: Judgement) -> None:
    for picture in judgement.refused[:MOST_NAMED]:
        cli.say(f"{NAME}: {Path(judgement.evaluation.folder) / picture.path}: {picture.reason}")
    if len(judgement.refused) > MOST_NAMED:
        cli.say(f"{NAME}: ... and {len(judgement.refused) - MOST_NAMED} more")


def _write_report(path: Path, judgement: Judgement, command: str) -> None:
    render = Plugin("train.report:render", extra="train").load()
    result = judgement.evaluation
    refused = [f"{picture.path}: {picture.reason}" for picture in judgement.refused[:MOST_NAMED]]
    more = [f"{len(judgement.refused)} files were refused"] if judgement.refused else []
    page = render(
        judgement.manifest,
        judgement.judged,
        judgement.look,
        command=command,
        packages=versions(*KERAS_PACKAGES),
        health=[*result.warnings(), *more, *refused],
        tested_on="its own test pictures" if result.own_test else f"the pictures of {Path(result.folder).name}",
    )
    write_file(path, page)
    cli.say(f"report: {path}")


def _lines(result: Evaluation) -> Iterator[str]:
    card = result.scorecard
    yield f"{cli.printable(result.run)}: accuracy {card.accuracy:.4f} (95 % interval {card.low:.4f} to {card.high:.4f})"
    refused = f", {result.refused} refused" if result.refused else ""
    yield f"  on {card.pictures} pictures of {cli.printable(result.folder)}{refused}"
    guess = f"always saying '{cli.printable(card.majority_label)}' would give {card.majority:.4f}"
    yield f"  balanced accuracy {card.balanced_accuracy:.4f}; {guess}"
    width = min(WIDEST_LABEL, max(len(cli.printable(one.label)) for one in card.classes))
    yield f"  {'class':<{width}}  {'F1':>6} {'recall':>7} {'precision':>10} {'pictures':>9}"
    for one in card.worst_first():
        numbers = f"{_part(one.f1):>6} {_part(one.recall):>7} {_part(one.precision):>10} {one.pictures:>9}"
        yield f"  {cli.printable(one.label):<{width}}  {numbers}"
    if result.mistakes:
        yield "  wrong and sure of it:"
    for mistake in result.mistakes:
        said = f"is {cli.printable(mistake.label)}, called {cli.printable(mistake.said)} {mistake.score:.3f}"
        yield f"    {cli.printable(mistake.path)}: {said}"


def _part(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"
