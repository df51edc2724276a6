"""From a folder of pictures to the options that train best on it: a folder with study.db, trials.csv and trials.png."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from runtime import cli
from runtime.atomic import locked, scratch_folder
from runtime.bundle import MANIFEST
from runtime.errors import CheckFailed, InputRefused
from runtime.plugins import Plugin
from runtime.quiet import prepare_tensorflow, quiet
from train.options import TrainOptions
from train.prepared import prepare
from train.settings import settle
from train.space import space
from train.trials import Trial, best, write_trials

DATABASE = "study.db"
PRUNED_FROM = 2
"""No trial from scratch is stopped before so many epochs;
with a pretrained backbone, none while its head alone is trained, as that is short."""
FEW = 100
"""Validation pictures: with fewer, the best of many trials is in part the luckiest."""


@dataclass(frozen=True)
class TuneResult:
    """The study as it stands: how many trials came to their end, were stopped early, diverged and failed, what the best gave on the
    validation pictures, what the defaults gave (None: that trial is not complete), and the options of the best."""

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
    tuned: Collection[str],
    *,
    cache: Path,
    strict: bool,
    storage: str | None,
    name: str,
    trials: int,
    timeout: float | None,
) -> TuneResult:
    """Trains on `data` with different values of the options named in `tuned` until the study called `name` has `trials` trials that are
    over, or `timeout` seconds have gone by. The study is in the database at the URL `storage`, by default in `folder`; one that is there
    already is gone on with. The test pictures are not looked at, and no run folder is left.

    Raises:
        InputRefused: the data cannot be used, the study is of other data or options, or there is nothing to tune.
        MachineError: a package is missing, the disk is full, or the database does not answer.
        CheckFailed: no trial came to its end.
    """
    if (folder / MANIFEST).exists():
        raise InputRefused(str(folder), "is a run folder or a bundle; choose another -o")
    if storage is None and "?" in str(folder.resolve()):
        raise InputRefused(str(folder), "a database cannot lie in a folder with '?' in its name; choose another -o")
    prepared = prepare(data, folder, options, cache=cache, strict=strict, packages=("optuna", "sqlalchemy"))
    settings = settle(options)
    prepare_tensorflow()
    with quiet():
        open_study, enqueue_defaults, trials_of, database_errors = (
            Plugin(f"train.study:{part}", extra="train").load()
            for part in ("open_study", "enqueue_defaults", "trials_of", "database_errors")
        )
        count_blocks, run_trials = (Plugin(f"train.tune_trial:{part}", extra="train").load() for part in ("count_blocks", "run_trials"))
        plot_trials = Plugin("train.tune_plot:plot_trials", extra="train").load()
        dimensions = space(options, settings, tuned, count_blocks(prepared, options) if "thaw" in tuned and settings.pretrained else 1)
    if not dimensions:
        raise InputRefused("tune", "every option that can be tuned is given, so there is nothing to try; leave one out")
    names = [dimension.name for dimension in dimensions]
    made_by: dict[str, Any] = {**prepared.made_by, "options": asdict(options) | dict.fromkeys(tuned)}
    url = storage or f"sqlite:///{folder.resolve() / DATABASE}"
    warmup = settings.head_epochs if settings.pretrained and settings.epochs else PRUNED_FROM

    with database_errors(url), scratch_folder(folder) as scratch:
        with locked(folder):
            study = open_study(url, name, options.seed, warmup, made_by)
            enqueue_defaults(study, dimensions)

        def show() -> None:
            found = trials_of(study, dimensions)
            write_trials(folder, found, names)
            plot_trials(folder, found, dimensions)

        _say_what_is_there(name, trials_of(study, dimensions), trials)
        _warn_of_few(data, len(prepared.data.split("val")))
        run_trials(study, prepared, options, dimensions, scratch, cache / "features", show, trials=trials, timeout=timeout)
        show()
        found = trials_of(study, dimensions)
    return _result(folder, name, found, options)


def _say_what_is_there(name: str, found: list[Trial], wanted: int) -> None:
    over = sum(trial.over for trial in found)
    if over:
        cli.say(
            f"study '{name}': goes on after {over} trials of {wanted}" if over < wanted else f"study '{name}': has {over} trials already"
        )


def _warn_of_few(data: Path, pictures: int) -> None:
    if pictures < FEW:
        cli.say(
            f"{data}: only {pictures} validation pictures, so one of them is worth {1 / pictures:.3f} of accuracy and the best trial "
            "may be the luckiest; a larger --val-fraction tells more"
        )


def _result(folder: Path, name: str, found: list[Trial], options: TrainOptions) -> TuneResult:
    chosen = best(found)
    count = {state: sum(trial.state == state for trial in found) for state in ("complete", "pruned", "diverged", "failed")}
    if chosen is None or chosen.val_accuracy is None or chosen.val_loss is None:
        what = ", ".join(f"{number} {state}" for state, number in count.items())
        raise CheckFailed(f"study '{name}'", f"no trial came to its end ({what}); see {folder / 'trials.csv'}, and give it more time")
    defaults = next((trial.val_accuracy for trial in found if trial.by_default and trial.state == "complete"), None)
    values: dict[str, Any] = dict(chosen.options)
    return TuneResult(
        str(folder),
        name,
        **count,
        best_trial=chosen.number,
        val_accuracy=chosen.val_accuracy,
        val_loss=chosen.val_loss,
        default_val_accuracy=defaults,
        options=replace(options, **values),
    )
