"""From a folder of pictures to a run folder: model.keras, manifest.json, pictures.csv, history.csv and history.png."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
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
from train.input_size import choose_input_size
from train.options import TrainOptions
from train.settings import settle
from train.split import Fractions
from train.weights_file import weights_digest

SHOWN_REFUSALS = 10


@dataclass(frozen=True)
class TrainResult:
    """A finished run: fractions of pictures right, which epoch's weights were kept, and whether it was already there."""

    run: str
    test_accuracy: float
    val_accuracy: float
    test_pictures: int
    seconds: float
    kept: str
    reused: bool


def train(data: Path, run: Path, options: TrainOptions, *, cache: Path, strict: bool, overwrite: bool) -> TrainResult:
    """Trains a classifier on `data` and writes `run`, whole or not at all. One made by the same command on the same data is kept.

    Raises:
        InputRefused: the data cannot be used, or `run` holds something else and not `overwrite`.
        MachineError: a package is missing, or the disk is full.
        CheckFailed: the loss became NaN.
    """
    backbone, settings = find_backbone(options.backbone), settle(options)
    weights = weights_digest(settings.weights_file) if settings.weights_file else None
    fractions = Fractions(options.test_fraction, options.val_fraction)
    if Path(os.path.realpath(data)) in Path(os.path.realpath(run)).parents:
        raise InputRefused(str(run), f"lies in {data}, where the next training would take it for a class; choose another -o")
    find_labels(data)
    require("training", "train", "tensorflow", "keras", "matplotlib")
    size = choose_input_size(data, backbone.input_size, backbone.smallest) if options.input_size is None else options.input_size
    pixels = PixelCache(cache, Preprocessing(size, size, options.fit))
    found = scan(data, pixels, fractions, options.seed)
    _report(data, found, size, strict=strict)

    made_by = {"options": asdict(options), "weights": weights, "data_digest": found.digest(), "source": source_digest("runtime", "train")}
    if (provenance := _finished(run, made_by)) is not None:
        return TrainResult(str(run), **provenance["results"], reused=True)
    _require_free(run, overwrite=overwrite)

    prepare_tensorflow()
    with quiet():
        follow_recipe = Plugin("train.recipe:follow_recipe", extra="train").load()
    with new_folder(run) as folder:
        results = follow_recipe(backbone, found, pixels, options, folder, cache)
        artifact = Artifact(MODEL, "keras", "fp32", digest((folder / MODEL).read_bytes()))
        packages = versions("quince-edge", "keras", "tensorflow", "tensorflow-cpu", "numpy", "pillow")
        provenance = {"data": str(data.resolve()), "results": results, "versions": packages, "made_by": made_by}
        manifest = Manifest(run.resolve().name, found.labels, pixels.preprocessing, (artifact,), provenance)
        write_pictures(folder, list(found.pictures))
        (folder / MANIFEST).write_text(manifest.to_json())
    return TrainResult(str(run), **results, reused=False)


def _require_free(run: Path, *, overwrite: bool) -> None:
    if not run.exists() or (run.is_dir() and not any(run.iterdir())):
        return
    if not (run / MANIFEST).is_file() or not (run / PICTURES).is_file():
        raise InputRefused(str(run), "is there already and is not a run folder, so nothing replaces it; choose another -o")
    if not overwrite:
        raise InputRefused(str(run), "is there already, from another command or other data; use --overwrite or another -o")


def _report(data: Path, found: DataSet, size: int, *, strict: bool) -> None:
    program = cli.program("train")
    refused = found.split("refused")
    for picture in refused[:SHOWN_REFUSALS]:
        cli.say(f"{program}: {data / picture.path}: {picture.reason}")
    if len(refused) > SHOWN_REFUSALS:
        cli.say(f"{program}: ... and {len(refused) - SHOWN_REFUSALS} more")
    if strict and refused:
        raise InputRefused(str(data), f"{len(refused)} of {len(found.pictures)} files were refused (--strict)")
    for warning in found.warnings():
        cli.say(f"{program}: {data}: {warning}")
    counts = ", ".join(f"{len(found.split(split))} {split}" for split in ("train", "val", "test"))
    cli.say(f"{len(found.labels)} classes at {size}x{size} pixels: {counts}, {len(refused)} refused of {len(found.pictures)} files")


def _finished(run: Path, made_by: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The provenance of a run that is already what this command would make."""
    try:
        manifest = Bundle.open(run).manifest
        whole = all(digest((run / artifact.file).read_bytes()) == artifact.sha256 for artifact in manifest.artifacts)
    except (QuinceError, OSError):
        return None
    return manifest.provenance if whole and manifest.provenance.get("made_by") == made_by else None
