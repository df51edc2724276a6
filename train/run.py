"""From a folder of pictures to a run folder: model.keras, manifest.json, pictures.csv, history.csv and history.png."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from runtime.atomic import new_folder
from runtime.bundle import MANIFEST, Bundle
from runtime.digest import digest
from runtime.errors import InputRefused, QuinceError
from runtime.manifest import Artifact, Manifest
from runtime.plugins import Plugin
from runtime.provenance import KERAS_PACKAGES, versions
from runtime.quiet import prepare_tensorflow, quiet
from runtime.run_folder import MODEL, PICTURES, write_pictures
from train.distribute import require_same
from train.engine import ALONE, Engine
from train.epoch import Epoch
from train.options import TrainOptions
from train.prepared import prepare
from train.unchanged import require_unchanged
from train.unfinished import claim, unfinished

FINISHED = b"finished"


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
    engine: Engine = ALONE,
) -> TrainResult | None:
    """Trains a classifier on `data` and writes `run`, whole or not at all. One made by the same command on the same data is kept, and
    an unfinished one is gone on with: see train.unfinished.

    `command` is what the user typed, for the report only. Of several workers the first writes, and the others get None.

    Raises:
        InputRefused: the data cannot be used or changes meanwhile, or `run` or RUN.partial holds something else and not `overwrite`.
        MachineError: a package is missing, or the disk is full.
        CheckFailed: the loss became NaN.
    """
    prepared = prepare(data, run, options, cache=cache, strict=strict, packages=("jinja2",), engine=engine)
    found, pixels, health, made_by = prepared.data, prepared.pixels, prepared.health, prepared.made_by
    require_same(engine, made_by)
    chief, partial = engine.share.chief, unfinished(run, made_by)
    provenance = _finished(run, made_by) if chief else None
    if chief and provenance is None:
        _require_free(run, overwrite=overwrite)
        claim(partial, resume=resume, overwrite=overwrite)
    if engine.gather(FINISHED if provenance else b"")[0] == FINISHED:
        engine.leave()
        return TrainResult(str(run), **provenance["results"], reused=True) if provenance else None

    if engine is ALONE:
        prepare_tensorflow()
    with quiet():
        learn = Plugin("train.learn:learn", extra="train").load()
        follow_recipe = Plugin("train.recipe:follow_recipe", extra="train").load()
        write_report = Plugin("train.report:write_report", extra="train").load()
    shared = engine.shared(partial)

    def after_epoch(_: Epoch) -> None:
        require_unchanged(found, prepared.begun)

    if not chief:
        learn(prepared.backbone, found, pixels, options, cache / "features", shared, after_epoch, engine)
        return None
    with new_folder(run) as folder:
        results = follow_recipe(
            prepared.backbone,
            found,
            pixels,
            options,
            folder,
            cache / "features",
            shared,
            after_epoch,
            engine,
        )
        artifact = Artifact(MODEL, "keras", "fp32", digest((folder / MODEL).read_bytes()))
        packages = versions(*KERAS_PACKAGES, "imagehash", "scipy", *(("jax",) if engine.own_model else ()))
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
