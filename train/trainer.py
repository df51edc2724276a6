"""Trains a classifier on an image folder; writes a run folder with model, results and report."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from runtime.bundles.bundle import MANIFEST, Bundle
from runtime.cli.identity import program_name
from runtime.errors import InputRefused, QuinceError
from runtime.models.manifest import Artifact, Manifest
from runtime.system.atomic_files import new_folder
from runtime.system.hashing import sha256_of
from runtime.system.lazy_loading import requires_extra
from runtime.system.provenance import KERAS_PACKAGES, versions
from runtime.system.terminal import quiet
from train.checkpoints.resume import find_unfinished, prepare_resume
from train.configuration.options import TrainOptions
from train.data.dataset_report import listing_refused, report_dataset
from train.data.preparation import PreparedData, prepare
from train.data.quality import health_record, write_pairs
from train.distribution.arguments import require_same
from train.distribution.strategy import ALONE, DistributionStrategy
from train.fitting.training_context import TrainingContext
from train.growth import Growth
from workstation.keras_setup import prepare_tensorflow
from workstation.run_folder import IMAGES_FILE, MODEL, NEAR_DUPLICATES_FILE, write_images

FINISHED = b"finished"
"""What the first worker sends to the others if the run is there already."""


@dataclass(frozen=True)
class OneClassResult:
    """Describes a finished run of one class.

    figures: see `train.evaluation.metrics.OneClassFigures`. reused: whether the run was there
        already.
    """

    run: str
    figures: Mapping[str, Any]
    reused: bool


@dataclass(frozen=True)
class TrainResult:
    """Describes a finished run; accuracies are fractions in 0..1.

    test_accuracy_low, test_accuracy_high: the 95 % interval, over the objects.
    balanced_accuracy: the mean recall over the classes, on the test images.
    kept_weights: names the weights that the model has, as "fine-tune epoch 3".
    augmentation: the families of augmentation that the training images got.
    reused: whether the run was there already.
    """

    run: str
    test_accuracy: float
    test_accuracy_low: float
    test_accuracy_high: float
    balanced_accuracy: float
    val_accuracy: float
    test_images: int
    test_objects: int
    seconds: float
    kept_weights: str
    augmentation: list[str]
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
    strategy: DistributionStrategy = ALONE,
    growth: Growth | None = None,
) -> TrainResult | OneClassResult | None:
    """Trains a classifier on `data` and writes the run folder `run`, whole or not at all.

    A run that the same command made of the same data is reused, and an unfinished one resumed; see
    train.checkpoints.resume. `command` is only shown in the report. Of several workers the first
    writes the run, and the others return None. With the option `one_class`, see
    train.train_one_class; with `growth`, whose images are in `data`, see train.growth.

    Raises:
        InputRefused: the data cannot be used or changes during the training, or `run` or
            RUN.partial holds something else and `overwrite` is not set.
        MachineError: a package is missing, or the disk is full.
        CheckFailed: the training diverged.
    """
    if options.one_class and strategy is not ALONE:
        raise InputRefused("--distribute", "has no use with --one-class; leave it out")
    if growth and strategy is not ALONE:
        raise InputRefused("--distribute", "does not work with --from; leave it out")
    with listing_refused(program_name("train"), data):
        prepared = prepare(
            data,
            run,
            options,
            cache=cache,
            packages=("jinja2",),
            strategy=strategy,
            pairs_listed=f"{NEAR_DUPLICATES_FILE} in the run folder",
            growth=growth,
        )
    report_dataset(prepared, strict=strict)
    require_same(strategy, prepared.made_by)
    chief = strategy.shard.chief
    unfinished = find_unfinished(run, prepared.made_by)
    finished = _read_finished(run, prepared.made_by) if chief else None
    if chief and finished is None:
        _require_writable(run, growth, overwrite=overwrite)
        for part in (unfinished, unfinished.second()):
            prepare_resume(part, resume=resume, overwrite=overwrite)
    if strategy.gather(FINISHED if finished else b"")[0] == FINISHED:
        strategy.leave()
        return _result(run, finished["results"], options, reused=True) if finished else None

    prepare_tensorflow()
    context = TrainingContext.of(
        prepared,
        options,
        cache,
        strategy.shared(unfinished),
        strategy,
        growth.model if growth else None,
    )
    if not chief:
        with quiet(), requires_extra("train", "training"):
            from train.fitting.train_model import train_model
        train_model(context)
        return None
    results = _write_run(run, prepared, context, command)
    unfinished.remove()
    unfinished.second().remove()
    return _result(run, results, options, reused=False)


def _result(
    run: Path, results: Mapping[str, Any], options: TrainOptions, *, reused: bool
) -> TrainResult | OneClassResult:
    if options.one_class:
        return OneClassResult(str(run), results, reused)
    return TrainResult(str(run), **results, reused=reused)


def _write_run(
    run: Path, prepared: PreparedData, context: TrainingContext, command: str
) -> dict[str, Any]:
    """Trains, and writes the whole run folder; returns the results in its manifest."""
    with quiet(), requires_extra("train", "training"):
        from train.report.one_class import write_one_class_report
        from train.report.report import write_report
        from train.train_and_evaluate import train_and_evaluate
        from train.train_one_class import SIMILARITIES, train_one_class
    packages = [*KERAS_PACKAGES, "imagehash", "scipy"]
    data, quality = context.data, prepared.quality
    with new_folder(run) as folder:
        if context.options.one_class:
            results = asdict(train_one_class(context, folder))
        else:
            results = train_and_evaluate(context, folder)
        artifact = Artifact(MODEL, "keras", "fp32", sha256_of((folder / MODEL).read_bytes()))
        provenance = {
            "data": str(data.root.resolve()),
            "results": results,
            "versions": versions(*packages),
            "health": health_record(quality),
            "made_by": prepared.made_by,
            "command": command,
        }
        manifest = Manifest(
            run.resolve().name,
            data.labels,
            context.pixels.preprocessing,
            (artifact,),
            provenance,
        )
        write_images(folder, list(data.images))
        write_pairs(folder / NEAR_DUPLICATES_FILE, quality)
        (folder / MANIFEST).write_text(manifest.to_json())
        findings = quality.faults + quality.remarks
        if context.options.one_class:
            write_one_class_report(folder, context, manifest, folder / SIMILARITIES, findings)
        else:
            write_report(folder, context, manifest, findings)
    return results


def _require_writable(run: Path, growth: Growth | None, *, overwrite: bool) -> None:
    if not run.exists() or (run.is_dir() and not any(run.iterdir())):
        return
    if not (run / MANIFEST).is_file() or not (run / IMAGES_FILE).is_file():
        raise InputRefused(
            str(run), "exists and is not a run folder, so nothing replaces it; choose another -o"
        )
    if not overwrite:
        maker = "another command or from other data"
        if growth:
            maker = f"another command or with other images than {growth.add} has now"
        raise InputRefused(
            str(run), f"exists and was made by {maker}; use --overwrite or another -o"
        )


def _read_finished(run: Path, made_by: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Returns the provenance of `run` if it is whole and is what this command would make."""
    try:
        manifest = Bundle.open(run).manifest
        for artifact in manifest.artifacts:
            if sha256_of((run / artifact.file).read_bytes()) != artifact.sha256:
                return None
    except (QuinceError, OSError):
        return None
    results = manifest.provenance.get("results")
    expected = {field.name for field in fields(TrainResult)} - {"run", "reused"}
    is_whole = isinstance(results, dict) and (set(results) == expected or len(manifest.labels) == 1)
    if not is_whole:
        return None
    before = manifest.provenance.get("made_by")
    return manifest.provenance if before == json.loads(json.dumps(made_by)) else None
