"""The trials of a study: each a training with the options Optuna draws, judged on the validation pictures alone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import TrialState

from runtime import cli
from runtime.errors import CheckFailed
from train.epoch import Epoch, kept
from train.features import clean
from train.learn import learn
from train.model import build_model
from train.options import TrainOptions
from train.prepared import Prepared
from train.settings import settle
from train.space import Dimension
from train.stages import blocks
from train.study import FAULT, RESULT
from train.unchanged import require_unchanged
from train.unfinished import Unfinished

COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)


def count_blocks(prepared: Prepared, options: TrainOptions) -> int:
    """How many blocks the backbone has: no more can be thawed."""
    settings = replace(settle(options), weights="none")
    return len(blocks(build_model(prepared.backbone, prepared.pixels.preprocessing, len(prepared.data.labels), settings), settings))


def run_trials(
    study: Study,
    prepared: Prepared,
    options: TrainOptions,
    dimensions: Sequence[Dimension],
    scratch: Path,
    features: Path,
    after_trial: Callable[[], None],
    *,
    trials: int,
    timeout: float | None,
) -> None:
    """Trains until the study has `trials` trials that are over, whoever made them, or until `timeout` seconds have gone by.

    A trial that has begun is ended. `after_trial` is called after each. Nothing stays in `scratch`.

    Raises:
        InputRefused: a picture changed or vanished meanwhile.
        MachineError: the disk is full.
    """
    work = _Work(prepared, options, dimensions, Unfinished(scratch / "trial", {}), features)
    ends = time.monotonic() + timeout if timeout is not None else None
    while len(study.get_trials(deepcopy=False, states=COUNTED)) < trials and (ends is None or time.monotonic() < ends):
        try:
            study.optimize(work.train, n_trials=1)
        except (ValueError, UpdateFinishedTrialError):
            if not work.lost:
                raise
            cli.say("the other processes took this one for dead and its last trial for failed; it goes on with the next")
        clean(features)
        after_trial()


class _Work:
    """What the trials of one process share; `lost`: whether the last was taken from it, because it seemed dead."""

    def __init__(
        self, prepared: Prepared, options: TrainOptions, dimensions: Sequence[Dimension], partial: Unfinished, features: Path
    ) -> None:
        self.lost = False
        self._prepared, self._options, self._dimensions = prepared, options, dimensions
        self._partial, self._features = partial, features
        self._before_tuning = settle(options).head_epochs

    def train(self, trial: optuna.Trial) -> float:
        """Trains once; returns the validation accuracy of the weights that are kept."""
        self.lost = False
        prepared, history = self._prepared, list[Epoch]()
        validated = len(prepared.data.split("val"))
        values: dict[str, Any] = {dimension.name: dimension.value(_draw(trial, dimension)) for dimension in self._dimensions}
        said = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in values.items())
        cli.say(f"trial {trial.number}: {said}")

        def after_epoch(epoch: Epoch) -> None:
            require_unchanged(prepared.data, prepared.begun)
            history.append(epoch)
            trial.report(epoch.val_accuracy, epoch.epoch - 1 + (self._before_tuning if epoch.stage == "fine-tune" else 0))
            if trial.should_prune():
                raise optuna.TrialPruned("worse than the median")

        self._partial.remove()
        try:
            options = replace(self._options, **values)
            learn(prepared.backbone, prepared.data, prepared.pixels, options, self._features, self._partial, after_epoch)
            chosen = _record(trial, history, validated)
        except optuna.TrialPruned:
            _record(trial, history, validated)
            raise
        except CheckFailed as error:
            trial.set_user_attr(FAULT, error.reason)
            cli.say(f"trial {trial.number}: diverged: {error.reason.split(';')[0]}")
            raise optuna.TrialPruned("diverged") from error
        except UpdateFinishedTrialError:
            self.lost = True
            raise
        finally:
            self._partial.remove()
            keras.backend.clear_session()
        return chosen.val_accuracy


def _draw(trial: optuna.Trial, dimension: Dimension) -> float:
    if dimension.whole:
        return trial.suggest_int(dimension.name, int(dimension.low), int(dimension.high), step=int(dimension.step or 1))
    if dimension.step is not None:
        return trial.suggest_float(dimension.name, dimension.low, dimension.high, step=dimension.step)
    return trial.suggest_float(dimension.name, dimension.low, dimension.high, log=True)


def _record(trial: optuna.Trial, history: list[Epoch], pictures: int) -> Epoch:
    chosen = kept(history, pictures)
    trial.set_user_attr(RESULT, {"val_accuracy": chosen.val_accuracy, "val_loss": chosen.val_loss, "epochs": len(history)})
    return chosen
