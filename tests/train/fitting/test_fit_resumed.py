"""Training that was killed or diverged, and continues from its checkpoint."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from runtime.errors import CheckFailed, InputRefused
from train.checkpoints.history import Epoch
from train.configuration.options import TrainOptions
from train.fitting.augmentation import build_augmentation

Build = Callable[..., keras.Model]


def _augmentation() -> keras.Sequential:
    return build_augmentation(TrainOptions(flip="both"), 7, ("flip", "geometry", "colour"))


class _Killed(Exception):
    pass


@pytest.fixture
def fit_killed(build: Build, fit_model) -> Callable[..., tuple[keras.Model, list[Epoch]]]:
    """Fits with a new model after each epoch, which gets nothing but the folder of the last."""

    def kill(_: Epoch) -> None:
        raise _Killed

    def run(options: TrainOptions, folder: Path) -> tuple[keras.Model, list[Epoch]]:
        for _ in range(options.head_epochs + options.epochs + 1):
            model = build(options)
            augment = _augmentation()
            try:
                return model, fit_model(model, options, folder, augment, after_epoch=kill)
            except _Killed:
                continue
        raise AssertionError("it never ended")

    return run


@pytest.mark.parametrize("kind", ["two stages", "from scratch"])
def test_killed_after_any_epoch_it_ends_with_the_same_bits(
    build: Build,
    fit_model,
    fit_killed,
    lite: TrainOptions,
    small: TrainOptions,
    tmp_path: Path,
    kind: str,
) -> None:
    options = replace(lite, head_epochs=1, epochs=2, variants=2, dropout=0.5)
    if kind == "from scratch":
        options = replace(small, head_epochs=3, epochs=0, variants=2, dropout=0.5)
    whole = build(options)
    history = fit_model(whole, options, tmp_path / "whole", _augmentation())
    killed, killed_history = fit_killed(options, tmp_path / "killed")
    assert [replace(epoch, seconds=0) for epoch in killed_history] == [
        replace(epoch, seconds=0) for epoch in history
    ]
    for expected, weight in zip(whole.get_weights(), killed.get_weights(), strict=True):
        assert np.array_equal(expected, weight)


def test_checkpoint_that_does_not_fit_the_network_is_refused(
    build: Build, fit_model, small: TrainOptions, tmp_path: Path
) -> None:
    fit_model(build(small), small, tmp_path)
    with pytest.raises(InputRefused, match="does not fit this network") as caught:
        fit_model(build(small, classes=3), small, tmp_path)
    assert caught.value.thing == str(tmp_path / "run.partial" / "checkpoint.npz")


def test_divergence_keeps_the_last_good_epoch_and_tells_how_to_continue(
    build: Build, fit_model, lite: TrainOptions, tmp_path: Path
) -> None:
    options = replace(lite, head_epochs=1, epochs=2, rate=1e30)
    message = r"fine-tune', epoch 1, .* --resume continues after head epoch 1"
    with pytest.raises(CheckFailed, match=message) as caught:
        fit_model(build(options), options, tmp_path)
    assert caught.value.exit_code == 3
    assert str(tmp_path / "run.partial" / "checkpoint.npz") in str(caught.value)
    history = fit_model(build(options), replace(options, rate=1e-4), tmp_path)
    assert [str(epoch) for epoch in history] == [
        "head epoch 1",
        "fine-tune epoch 1",
        "fine-tune epoch 2",
    ]
