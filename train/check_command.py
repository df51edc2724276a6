"""python -m train check DIR: what is wrong with a folder of pictures, without training on it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from runtime import cli
from runtime.cache_folder import default_cache
from runtime.plugins import require
from runtime.preprocess import Preprocessing
from train.backbones import BACKBONES
from train.cache import PixelCache
from train.data import find_labels, scan
from train.health import counts, examine
from train.health_text import measures, refusals, table
from train.input_size import choose_input_size
from train.options import TrainOptions
from train.split import Fractions

NAME = f"{cli.program('train')} check"


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    given = _parser().parse_args(arguments)
    options = TrainOptions(input_size=given.input_size, test_fraction=given.test_fraction, val_fraction=given.val_fraction, seed=given.seed)
    fractions = Fractions(options.test_fraction, options.val_fraction)
    find_labels(given.data)
    require("checking", "train", "imagehash")
    backbone = BACKBONES[options.backbone]
    size = options.input_size or choose_input_size(given.data, backbone.input_size, backbone.smallest)
    data = scan(given.data, PixelCache(given.cache, Preprocessing(size, size, options.fit)), fractions, options.seed)
    health = examine(data, size)

    for line in refusals(NAME, data):
        cli.say(line)
    refused = [{"path": picture.path, "reason": picture.reason} for picture in data.split("refused")]
    said = [*health.faults, *health.remarks] if health.faults else ["no faults found", *health.remarks]
    lines = [*table(data), measures(health, size), *map(cli.printable, said)]
    result = asdict(health) | {"input_size": size, "counts": counts(data), "refused_files": refused}
    cli.show(result, as_json=given.json, text=lambda: "\n".join(lines))
    if given.strict and health.faults:
        cli.say(f"{NAME}: {given.data}: {len(health.faults)} faults (--strict), the first: {health.faults[0]}")
        return cli.REFUSED
    return cli.DONE


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog=NAME,
        description="Count the pictures of a folder, name files that cannot be read, and find copies and near-duplicates in different "
        "splits or classes. Training does the same before its first epoch.",
    )
    parser.add_argument("data", type=Path, help="the folder of pictures")
    defaults = TrainOptions()
    parser.add_argument("--input-size", type=int, metavar="N", help="side of the model's input in pixels, as in training")
    for flag, kind in (("--test-fraction", float), ("--val-fraction", float), ("--seed", int)):
        parser.add_argument(flag, type=kind, metavar="N", default=getattr(defaults, flag[2:].replace("-", "_")), help="as in training")
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="DIR", help="where decoded pictures are kept")
    parser.add_argument(
        "--strict", action="store_true", help="exit with 2 if a file is refused, or pictures in different splits or classes look the same"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser
