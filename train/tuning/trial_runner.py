"""Runs the trials of a study; each trains with options that Optuna draws.

Trials are compared on the validation images alone.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import TrialState

from runtime.errors import CheckFailed
from runtime.system.terminal import say
from train.backbones.registry import find_backbone
from train.checkpoints.history import Epoch, select_best_epoch
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import resolve_options
from train.data.image_folder import scan_image_folder
from train.data.preparation import PreparedData, decode_images
from train.data.split import SplitFractions
from train.fitting.classifier_model import build_model
from train.fitting.schedule import backbone_blocks
from train.fitting.train_model import train_model
from train.fitting.training_context import TrainingContext
from train.tuning.search_space import Choice, TunedOption, Value
from train.tuning.study import FAULT, RESULT
from train.tuning.trials import value_text

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def count_blocks(prepared: PreparedData, options: TrainOptions) -> int:
    """Returns the number of blocks of the backbone, the most that can be thawed."""
    settings = replace(resolve_options(options), weights="none")
    classes = len(prepared.data.labels)
    backbone = find_backbone(options.backbone)
    model = build_model(backbone, prepared.pixels.preprocessing, classes, settings)
    return len(backbone_blocks(model, settings))


def run_trials(
    study: Study,
    context: TrainingContext,
    dimensions: Sequence[TunedOption],
    after_trial: Callable[[], None],
    *,
    trials: int,
    timeout_s: float | None,
) -> None:
    """Trains until the study has `trials` finished trials, of whatever process, or time is up.

    A trial that has begun is completed. `after_trial` is called after each. The checkpoint of
    `context.unfinished` is removed after each trial.

    Raises:
        InputRefused: an image changed or vanished meanwhile.
        MachineError: the disk is full.
    """
    runner = _TrialRunner(context, dimensions)
    ends_at = None if timeout_s is None else time.monotonic() + timeout_s
    while len(study.get_trials(deepcopy=False, states=FINISHED)) < trials:
        if ends_at is not None and time.monotonic() >= ends_at:
            return
        try:
            study.optimize(runner.train, n_trials=1)
        except (ValueError, UpdateFinishedTrialError):
            if not runner.lost:
                raise
            say(
                "other processes took this one for dead and marked its last trial as failed; "
                "it continues with the next trial"
            )
        after_trial()


class _TrialRunner:
    """Runs the trials of one process.

    lost: whether another process took over the last trial, because this one seemed dead.
    """

    def __init__(self, context: TrainingContext, dimensions: Sequence[TunedOption]) -> None:
        self.lost = False
        self._context, self._dimensions = context, dimensions
        geometry = context.options.backbone, context.options.input_size
        self._pixels = {geometry: context.pixels}
        self._head_epochs = resolve_options(context.options).head_epochs

    def train(self, trial: optuna.Trial) -> float:
        """Trains once; returns the validation accuracy of the weights that it keeps."""
        self.lost = False
        history: list[Epoch] = []
        values: dict[str, Any] = {
            dimension.name: dimension.value(_draw(trial, dimension))
            for dimension in self._dimensions
        }
        drawn = ", ".join(
            f"{name.replace('_', ' ')} {value_text(value)}" for name, value in values.items()
        )
        say(f"trial {trial.number}: {drawn}")

        def after_epoch(epoch: Epoch) -> None:
            self._context.after_epoch(epoch)
            history.append(epoch)
            trial.report(epoch.val_accuracy, self._step(epoch))
            if trial.should_prune():
                raise optuna.TrialPruned("worse than the median")

        context = replace(self._with_options(values), after_epoch=after_epoch)
        context.unfinished.remove()
        try:
            train_model(context)
            best = self._record(trial, history)
        except optuna.TrialPruned:
            self._record(trial, history)
            raise
        except CheckFailed as error:
            trial.set_user_attr(FAULT, error.reason)
            say(f"trial {trial.number}: diverged: {error.reason.split(';')[0]}")
            raise optuna.TrialPruned("diverged") from error
        except UpdateFinishedTrialError:
            self.lost = True
            raise
        finally:
            context.unfinished.remove()
            keras.backend.clear_session()
        return best.val_accuracy

    def _with_options(self, values: dict[str, Any]) -> TrainingContext:
        """Returns the context of a trial, with the images in the size that it trains on."""
        context = self._context
        options = replace(context.options, **values)
        geometry = options.backbone, options.input_size
        if geometry not in self._pixels:
            folder = scan_image_folder(context.data.root)
            fractions = SplitFractions(options.test_fraction, options.val_fraction)
            cache = context.feature_folder.parent
            self._pixels[geometry] = decode_images(folder, options, fractions, cache)[1]
        backbone = find_backbone(options.backbone)
        return replace(context, options=options, backbone=backbone, pixels=self._pixels[geometry])

    def _step(self, epoch: Epoch) -> int:
        """Returns the index of an epoch among those of all stages."""
        before = self._head_epochs if epoch.stage == "fine-tune" else 0
        return before + epoch.epoch - 1

    def _record(self, trial: optuna.Trial, history: Sequence[Epoch]) -> Epoch:
        """Stores the result of a trial in the study; returns its best epoch."""
        best = select_best_epoch(history, self._context.data.objects("val"))
        result = {
            "val_accuracy": best.val_accuracy,
            "val_loss": best.val_loss,
            "epochs": len(history),
        }
        trial.set_user_attr(RESULT, result)
        return best


def _draw(trial: optuna.Trial, dimension: TunedOption) -> Value:
    if isinstance(dimension, Choice):
        chosen: Any = trial.suggest_categorical(dimension.name, dimension.values)
        return dimension.value(chosen)
    name, low, high, step = dimension.name, dimension.low, dimension.high, dimension.step
    if dimension.whole:
        return trial.suggest_int(name, int(low), int(high), step=int(step or 1))
    if step is not None:
        return trial.suggest_float(name, low, high, step=step)
    return trial.suggest_float(name, low, high, log=True)
