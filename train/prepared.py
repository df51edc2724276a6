"""What stands before any training: the pictures scanned, examined and reported, and a record of what a result would be made by."""

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runtime import cli
from runtime.errors import InputRefused
from runtime.plugins import require
from runtime.preprocess import Preprocessing
from runtime.provenance import source_digest
from train.backbones import Backbone, find_backbone
from train.cache import PixelCache
from train.data import DataSet, decode_share, find_labels, scan
from train.engine import ALONE, Engine
from train.health import Health, examine
from train.health_text import measures, refusals, table
from train.input_size import choose_input_size
from train.options import TrainOptions
from train.settings import settle
from train.split import Fractions
from train.weights_file import weights_digest

SHOWN_REFUSALS, SHOWN_CLASSES = 10, 30


@dataclass(frozen=True)
class Prepared:
    """Pictures in the cache, and what is known of them. begun: when scanning began, in seconds since the epoch; made_by: options, digests
    of pictures, weights and code, by which the same work is known again."""

    backbone: Backbone
    data: DataSet
    pixels: PixelCache
    health: Health
    begun: float
    made_by: Mapping[str, Any]


def prepare(
    data: Path,
    output: Path,
    options: TrainOptions,
    *,
    cache: Path,
    strict: bool,
    packages: tuple[str, ...],
    engine: Engine = ALONE,
) -> Prepared:
    """Scans `data` for a training that writes to `output` and needs `packages`, and says what was found. Workers share the decoding, if
    they share the cache.

    Raises:
        InputRefused: the options do not go together, the data cannot be used, or `output` lies in it.
        MachineError: a package is missing, or the disk is full.
    """
    backbone, settings = find_backbone(options.backbone), settle(options)
    weights = weights_digest(settings.weights_file) if settings.weights_file else None
    fractions = Fractions(options.test_fraction, options.val_fraction)
    if Path(os.path.realpath(data)) in Path(os.path.realpath(output)).parents:
        raise InputRefused(str(output), f"lies in {data}, where the next training would take it for a class; choose another -o")
    find_labels(data)
    require("training", "train", *packages, "tensorflow", "keras", "matplotlib", "imagehash")
    size = choose_input_size(data, backbone.input_size, backbone.smallest) if options.input_size is None else options.input_size
    begun = time.time()
    pixels = PixelCache(cache, Preprocessing(size, size, options.fit))
    if engine.share.count > 1:
        decode_share(data, pixels, engine.share)
        engine.gather(b"decoded")
    found = scan(data, pixels, fractions, options.seed)
    health = examine(found, size)
    _report(data, found, health, size, strict=strict)
    source = source_digest("runtime", "train")
    made_by = {"options": asdict(options), "weights": weights, "data_digest": found.digest(), "source": source} | engine.made_by
    return Prepared(backbone, found, pixels, health, begun, made_by)


def _report(data: Path, found: DataSet, health: Health, size: int, *, strict: bool) -> None:
    program = cli.program("train")
    for line in refusals(program, found, SHOWN_REFUSALS):
        cli.say(line)
    if strict and health.refused:
        raise InputRefused(str(data), f"{health.refused} of {health.files} files were refused (--strict)")
    for finding in health.faults + health.remarks:
        cli.say(f"{program}: {data}: {finding}")
    for line in (*table(found, SHOWN_CLASSES), measures(health, size)):
        cli.say(line)
    counts = ", ".join(f"{len(found.split(split))} {split}" for split in ("train", "val", "test"))
    cli.say(f"{len(found.labels)} classes at {size}x{size} pixels: {counts}, {health.refused} refused of {health.files} files")
