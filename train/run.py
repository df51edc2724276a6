"""From a folder of pictures to a run folder: model.keras, manifest.json, pictures.csv, history.csv and history.png."""

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from runtime import cli
from runtime.atomic import new_folder
from runtime.bundle import MANIFEST, Bundle
from runtime.errors import InputRefused, QuinceError
from runtime.manifest import Artifact, Manifest
from runtime.plugins import Plugin, require
from runtime.preprocess import Preprocessing, digest
from runtime.provenance import source_digest, versions
from runtime.quiet import prepare_tensorflow, quiet
from runtime.run_folder import MODEL, PICTURES, write_pictures
from train.backbones import find_backbone
from train.cache import PixelCache
from train.data import DataSet, find_labels, scan
from train.health import Health, examine
from train.health_text import measures, refusals, table
from train.input_size import choose_input_size
from train.options import TrainOptions
from train.settings import settle
from train.split import Fractions
from train.unchanged import require_unchanged
from train.unfinished import claim, unfinished
from train.weights_file import weights_digest

SHOWN_REFUSALS, SHOWN_CLASSES = 10, 30


@dataclass(frozen=True)
class TrainResult:
    """A finished run: fractions of pictures right, for the test pictures with the 95 % interval of that and the mean over the classes,
    which epoch's weights were kept, and whether it was already there."""

    run: str
    test_accuracy: float
    test_accuracy_low: float
    test_accuracy_high: float
    balanced_accuracy: float
    val_accuracy: float
    test_pictures: int
    seconds: float
    kept: str
    reused: bool


def train(
    data: Path,
    run: Path,
    options: TrainOptions,
    *,
    cache: Path,
    strict: bool,
    overwrite: bool,
    resume: bool = False,
    command: str = "",
) -> TrainResult:
    """Trains a classifier on `data` and writes `run`, whole or not at all. One made by the same command on the same data is kept, and
    an unfinished one is gone on with: see train.unfinished.

    `command` is what the user typed, for the report only.

    Raises:
        InputRefused: the data cannot be used or changes meanwhile, or `run` or RUN.partial holds something else and not `overwrite`.
        MachineError: a package is missing, or the disk is full.
        CheckFailed: the loss became NaN.
    """
    backbone, settings = find_backbone(options.backbone), settle(options)
    weights = weights_digest(settings.weights_file) if settings.weights_file else None
    fractions = Fractions(options.test_fraction, options.val_fraction)
    if Path(os.path.realpath(data)) in Path(os.path.realpath(run)).parents:
        raise InputRefused(str(run), f"lies in {data}, where the next training would take it for a class; choose another -o")
    find_labels(data)
    require("training", "train", "tensorflow", "keras", "matplotlib", "imagehash", "jinja2")
    size = choose_input_size(data, backbone.input_size, backbone.smallest) if options.input_size is None else options.input_size
    begun = time.time()
    pixels = PixelCache(cache, Preprocessing(size, size, options.fit))
    found = scan(data, pixels, fractions, options.seed)
    health = examine(found, size)
    _report(data, found, health, size, strict=strict)

    made_by = {"options": asdict(options), "weights": weights, "data_digest": found.digest(), "source": source_digest("runtime", "train")}
    if (provenance := _finished(run, made_by)) is not None:
        return TrainResult(str(run), **provenance["results"], reused=True)
    _require_free(run, overwrite=overwrite)
    partial = unfinished(run, made_by)
    claim(partial, resume=resume, overwrite=overwrite)

    prepare_tensorflow()
    with quiet():
        follow_recipe = Plugin("train.recipe:follow_recipe", extra="train").load()
        write_report = Plugin("train.report:write_report", extra="train").load()
    with new_folder(run) as folder:
        results = follow_recipe(
            backbone, found, pixels, options, folder, cache / "features", partial, lambda _: require_unchanged(found, begun)
        )
        artifact = Artifact(MODEL, "keras", "fp32", digest((folder / MODEL).read_bytes()))
        packages = versions("quince-edge", "keras", "tensorflow", "tensorflow-cpu", "numpy", "pillow", "imagehash", "scipy")
        provenance = {
            "data": str(data.resolve()),
            "results": results,
            "versions": packages,
            "health": asdict(health),
            "made_by": made_by,
            "command": command,
        }
        manifest = Manifest(run.resolve().name, found.labels, pixels.preprocessing, (artifact,), provenance)
        write_pictures(folder, list(found.pictures))
        (folder / MANIFEST).write_text(manifest.to_json())
        write_report(folder, found, pixels, options, manifest, health.faults + health.remarks)
    partial.remove()
    return TrainResult(str(run), **results, reused=False)


def _require_free(run: Path, *, overwrite: bool) -> None:
    if not run.exists() or (run.is_dir() and not any(run.iterdir())):
        return
    if not (run / MANIFEST).is_file() or not (run / PICTURES).is_file():
        raise InputRefused(str(run), "is there already and is not a run folder, so nothing replaces it; choose another -o")
    if not overwrite:
        raise InputRefused(str(run), "is there already, from another command or other data; use --overwrite or another -o")


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


def _finished(run: Path, made_by: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The provenance of a run that is already what this command would make."""
    try:
        manifest = Bundle.open(run).manifest
        whole = all(digest((run / artifact.file).read_bytes()) == artifact.sha256 for artifact in manifest.artifacts)
    except (QuinceError, OSError):
        return None
    results = manifest.provenance.get("results")
    kept = isinstance(results, dict) and set(results) == {field.name for field in fields(TrainResult)} - {"run", "reused"}
    return manifest.provenance if whole and kept and manifest.provenance.get("made_by") == made_by else None
