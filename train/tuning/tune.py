"""Finds the options that train best on an image folder; writes study.db, trials.csv, trials.png."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from runtime.bundles.bundle import MANIFEST
from runtime.cli.identity import program_name
from runtime.errors import CheckFailed, InputRefused
from runtime.system.atomic_files import locked, scratch_folder
from runtime.system.lazy_loading import requires_extra
from runtime.system.terminal import quiet, say
from train.checkpoints.resume import UnfinishedRun
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import ResolvedOptions, resolve_options
from train.data.dataset_report import listing_refused, report_dataset
from train.data.preparation import PreparedData, prepare
from train.fitting.training_context import TrainingContext
from train.tuning.search_space import TunedOption, search_space
from train.tuning.trials import TRIALS, Trial, best_trial, write_trials
from workstation.keras_setup import prepare_tensorflow

DATABASE = "study.db"
MIN_EPOCHS = 2
"""No trial from scratch is stopped before this many epochs.

With a pretrained backbone no trial is stopped in the head stage, which is short.
"""
MIN_VAL_IMAGES = 100
"""With fewer validation images, luck decides in part which of many trials is the best."""


@dataclass(frozen=True)
class StudySettings:
    """Describes what a study tries, for how long, and where it is kept.

    storage: the URL of a database; None: study.db in the output folder.
    tuned: the names of the options to tune between bounds.
    choices: the values to choose from of other options, by name, the default first.
    trials: how many finished trials the study shall have, those of other processes included.
    timeout_s: no trial starts later than this; None: no limit.
    """

    name: str
    storage: str | None
    tuned: Collection[str]
    trials: int
    timeout_s: float | None
    choices: Mapping[str, tuple[int | str, ...]]


@dataclass(frozen=True)
class TuneResult:
    """Holds the state of a study: the numbers of trials by outcome, and the best trial.

    val_accuracy, val_loss: of the best trial, on the validation images.
    default_val_accuracy: of the trial with the default options; None if it did not complete.
    options: those of the best trial.
    """

    folder: str
    study: str
    complete: int
    pruned: int
    diverged: int
    failed: int
    best_trial: int
    val_accuracy: float
    val_loss: float
    default_val_accuracy: float | None
    options: TrainOptions


def tune(
    data: Path,
    folder: Path,
    options: TrainOptions,
    settings: StudySettings,
    *,
    cache: Path,
    strict: bool,
    after_trial: Callable[[], None],
) -> TuneResult:
    """Trains on `data` with different values of the tuned options, and returns the best.

    A study that exists already is continued. The test images are not read, and no run folder stays.

    Raises:
        InputRefused: the data cannot be used, the study has other data or options, or there is
            nothing to tune.
        MachineError: a package is missing, the disk is full, or the database does not answer.
        CheckFailed: no trial completed.
    """
    _require_usable(folder, settings.storage)
    first: dict[str, Any] = {name: values[0] for name, values in settings.choices.items()}
    options = replace(options, **first)
    with listing_refused(program_name("train"), data):
        prepared = prepare(data, folder, options, cache=cache, packages=("optuna", "sqlalchemy"))
    report_dataset(prepared, strict=strict)
    resolved = resolve_options(options)
    prepare_tensorflow()
    with quiet(), requires_extra("train", "tuning"):
        from train.tuning.plot import plot_trials
        from train.tuning.study import (
            database_errors,
            enqueue_defaults,
            open_study,
            study_trials,
        )
        from train.tuning.trial_runner import run_trials
    dimensions = _dimensions(prepared, options, resolved, settings)
    names = [dimension.name for dimension in dimensions]
    made_by: dict[str, Any] = {
        **prepared.made_by,
        "options": asdict(options) | dict.fromkeys(settings.tuned) | dict(settings.choices),
    }
    url = settings.storage or f"sqlite:///{folder.resolve() / DATABASE}"

    with database_errors(url), scratch_folder(folder) as scratch:
        with locked(folder):
            study = open_study(url, settings.name, options.seed, _warmup_epochs(resolved), made_by)
            enqueue_defaults(study, dimensions)

        def write_state() -> None:
            trials = study_trials(study, dimensions)
            write_trials(folder, trials, names)
            plot_trials(folder, trials, dimensions)
            after_trial()

        _report_progress(settings, study_trials(study, dimensions))
        _warn_if_few_images(data, len(prepared.data.split("val")))
        unfinished = UnfinishedRun(scratch / "trial", {})
        context = TrainingContext.of(prepared, options, cache, unfinished)
        run_trials(
            study,
            context,
            dimensions,
            write_state,
            trials=settings.trials,
            timeout_s=settings.timeout_s,
        )
        write_state()
        trials = study_trials(study, dimensions)
    return _result(folder, settings.name, trials, options)


def _require_usable(folder: Path, storage: str | None) -> None:
    if (folder / MANIFEST).exists():
        raise InputRefused(str(folder), "is a run folder or a bundle; choose another -o")
    if storage is None and "?" in str(folder.resolve()):
        raise InputRefused(
            str(folder), "a database cannot be in a folder with '?' in its path; choose another -o"
        )


def _dimensions(
    prepared: PreparedData,
    options: TrainOptions,
    resolved: ResolvedOptions,
    settings: StudySettings,
) -> tuple[TunedOption, ...]:
    """Returns the search space; raises InputRefused if it is empty, or backbones do not fit."""
    backbones = settings.choices.get("backbone", (options.backbone,))
    candidates = [replace(options, backbone=str(backbone)) for backbone in backbones]
    if any(resolve_options(each).pretrained != resolved.pretrained for each in candidates):
        raise InputRefused(
            "--backbones", "expected networks that all have pretrained weights, or that all do not"
        )
    blocks = 1
    if "thaw" in settings.tuned and resolved.pretrained:
        with quiet(), requires_extra("train", "tuning"):
            from train.tuning.trial_runner import count_blocks
        with quiet():
            blocks = min(count_blocks(prepared, each) for each in candidates)
    dimensions = search_space(resolved, settings.tuned, blocks, settings.choices)
    if not dimensions:
        raise InputRefused(
            "tune", "expected an option to tune, found all of them set; leave one out"
        )
    return dimensions


def _warmup_epochs(resolved: ResolvedOptions) -> int:
    """Returns the number of epochs in which no trial is stopped."""
    if resolved.pretrained and resolved.epochs:
        return resolved.head_epochs
    return MIN_EPOCHS


def _report_progress(settings: StudySettings, trials: Sequence[Trial]) -> None:
    finished = sum(trial.finished for trial in trials)
    if finished >= settings.trials:
        say(f"study '{settings.name}': has {finished} trials already")
    elif finished:
        say(f"study '{settings.name}': continues after {finished} trials of {settings.trials}")


def _warn_if_few_images(data: Path, val_images: int) -> None:
    if val_images < MIN_VAL_IMAGES:
        say(
            f"{data}: only {val_images} validation images, so one of them changes the accuracy by "
            f"{1 / val_images:.3f} and the best trial may be the luckiest; "
            "use a larger --val-fraction"
        )


def _result(folder: Path, name: str, trials: Sequence[Trial], options: TrainOptions) -> TuneResult:
    best = best_trial(trials)
    count = {
        state: sum(trial.outcome == state for trial in trials)
        for state in ("complete", "pruned", "diverged", "failed")
    }
    if best is None or best.val_accuracy is None or best.val_loss is None:
        outcomes = ", ".join(f"{number} {state}" for state, number in count.items())
        raise CheckFailed(
            f"study '{name}'",
            f"no trial completed ({outcomes}); see {folder / TRIALS}, and give it more time",
        )
    default_accuracies = [
        trial.val_accuracy for trial in trials if trial.by_default and trial.outcome == "complete"
    ]
    values: dict[str, Any] = dict(best.options)
    return TuneResult(
        str(folder),
        name,
        **count,
        best_trial=best.number,
        val_accuracy=best.val_accuracy,
        val_loss=best.val_loss,
        default_val_accuracy=default_accuracies[0] if default_accuracies else None,
        options=replace(options, **values),
    )
