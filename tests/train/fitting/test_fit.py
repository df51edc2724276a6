"""Both stages of training: what learns, what stays, which weights are kept, and divergence."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from runtime.errors import CheckFailed
from train.checkpoints.history import Epoch, select_best_epoch
from train.checkpoints.resume import UnfinishedRun
from train.configuration.options import ClassWeights, TrainOptions
from train.configuration.resolved_options import resolve_options
from train.data.dataset import Dataset
from train.data.decoded_cache import PixelCache
from train.distribution.mixed_precision import FLOAT32, MIXED, precision
from train.fitting.fit import predict
from train.fitting.schedule import training_stages

Build = Callable[..., keras.Model]


@pytest.fixture(scope="module")
def fine_tuned(
    build: Build,
    fit_model,
    weights_by_layer,
    changed_layers,
    lite: TrainOptions,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[keras.Model, set[str], list[Epoch]]:
    """A pretrained model after both stages, the layers that have changed, and the history."""
    model = build(lite)
    before = weights_by_layer(model)
    history = fit_model(model, lite, tmp_path_factory.mktemp("fine_tuned"))
    return model, changed_layers(model, before), history


def test_history_has_both_stages(fine_tuned) -> None:
    assert [str(epoch) for epoch in fine_tuned[2]] == [
        "head epoch 1",
        "fine-tune epoch 1",
        "fine-tune epoch 2",
    ]


def test_batch_norm_of_a_pretrained_backbone_never_changes(fine_tuned) -> None:
    model, changed, _ = fine_tuned
    norms = {layer.name for layer in model.layers if isinstance(layer, layers.BatchNormalization)}
    assert len(norms) == 16
    assert norms & changed == set()


def test_only_the_blocks_after_the_boundary_and_the_head_learn(fine_tuned) -> None:
    model, changed, _ = fine_tuned
    names = [layer.name for layer in model.layers]
    after = names[names.index("block2_add") + 1 :]
    convolutions = {name for name in after if name.endswith("_conv")}
    assert len(convolutions) == 3 * 2 + 1
    assert changed == convolutions | {"scores"}


def test_head_stage_changes_the_head_alone(
    build: Build, fit_model, weights_by_layer, changed_layers, lite: TrainOptions, tmp_path: Path
) -> None:
    model = build(lite)
    before = weights_by_layer(model)
    fit_model(model, replace(lite, epochs=0, head_epochs=2), tmp_path)
    assert changed_layers(model, before) == {"scores"}


def test_article_trains_its_hidden_layer_and_the_last_block(
    build: Build, fit_model, weights_by_layer, changed_layers, lite: TrainOptions, tmp_path: Path
) -> None:
    options = replace(lite, recipe="article", hidden=32, head_rate=1e-4, rate=1e-4)
    model = build(options)
    before = weights_by_layer(model)
    fit_model(model, options, tmp_path)
    block = {f"block4_{part}_conv" for part in ("expand", "depthwise", "project")}
    assert changed_layers(model, before) == block | {"head_conv", "hidden", "scores"}


def test_backbone_from_scratch_learns_its_batch_norm_too(
    build: Build, fit_model, weights_by_layer, changed_layers, small: TrainOptions, tmp_path: Path
) -> None:
    model = build(small)
    before = weights_by_layer(model)
    fit_model(model, small, tmp_path)
    assert changed_layers(model, before) == {layer.name for layer in model.layers if layer.weights}


def test_frozen_features_are_those_of_the_whole_model(fine_tuned, loss_on, data: Dataset) -> None:
    """A wrong split into features and tail would give the whole model another validation loss."""
    model, _, history = fine_tuned
    best = select_best_epoch(history, data.objects("val"))
    assert loss_on(model, "val") == pytest.approx(best.val_loss, rel=0.01)


@pytest.mark.parametrize("epochs", [0, 1])
def test_head_on_blocks_is_solved_on_the_features_of_the_whole_model(
    build: Build, fit_model, loss_on, lite: TrainOptions, tmp_path: Path, epochs: int
) -> None:
    options = replace(lite, features="blocks", head_epochs=None, epochs=epochs, rate=0.0)
    model = build(options)
    solved = fit_model(model, options, tmp_path)[0]
    assert loss_on(model, "val") == pytest.approx(solved.val_loss, rel=5e-3)
    assert solved.accuracy > 0.9


@pytest.mark.parametrize("position", [0, 2, -1])
def test_weights_of_the_best_epoch_are_kept(
    build: Build,
    fit_model,
    loss_on,
    small: TrainOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    position: int,
) -> None:
    """Whichever epoch it is, also one before the last."""

    def select(history: list[Epoch], _: int) -> Epoch:
        return history[-1] if position < 0 else history[: position + 1][-1]

    monkeypatch.setattr("train.fitting.fit.select_best_epoch", select)
    model = build(small)
    options = replace(small, head_epochs=3, epochs=3, head_rate=0.03)
    history = fit_model(model, options, tmp_path)
    assert loss_on(model, "val") == pytest.approx(history[position].val_loss, rel=1e-3)


@pytest.mark.parametrize(
    ("recipe", "policy"), [("quince", FLOAT32), ("article", FLOAT32), ("quince", MIXED)]
)
def test_fine_tuning_keeps_an_average_in_our_recipe_and_the_last_step_in_the_article_s(
    build: Build,
    fit_model,
    weights_by_layer,
    lite: TrainOptions,
    data: Dataset,
    tmp_path: Path,
    recipe,
    policy: str,
) -> None:
    """The average of the weights w1 and w2 after two steps is 0.98 w1 + 0.02 w2.

    The rate of the first step is 0, so w1 are the weights before training.
    """
    batch = -(-len(data.split("train")) // 2)
    hidden = 32 if recipe == "article" else None
    options = replace(lite, recipe=recipe, hidden=hidden, head_epochs=0, epochs=1, batch=batch)
    with precision(policy):
        model = build(options)
        before = weights_by_layer(model)
        fit_model(model, options, tmp_path)
    checkpoint = UnfinishedRun(tmp_path / "run.partial", {"options": {}}).read()
    assert checkpoint is not None
    boundary = training_stages(model, resolve_options(options))[-1].boundary
    tail = keras.Model(model.get_layer(boundary).output, model.output)
    start = [weight for layer in tail.layers for weight in before.get(layer.name, ())]
    fractions = [
        np.abs(kept - old).sum() / np.abs(last - old).sum()
        for old, last, kept in zip(start, checkpoint.weights, checkpoint.best, strict=True)
        if not np.array_equal(old, last)
    ]
    assert len(fractions) > 3
    expected = 0.02 if recipe == "quince" else 1
    assert fractions == pytest.approx([expected] * len(fractions), rel=0.01)


def test_stage_stops_after_epochs_without_gain(
    build: Build, fit_model, small: TrainOptions, tmp_path: Path
) -> None:
    options = replace(small, head_epochs=15, epochs=15, head_rate=0.03, patience=3)
    losses = [epoch.val_loss for epoch in fit_model(build(small), options, tmp_path)]
    assert len(losses) < 30
    assert len(losses) - 1 - losses.index(min(losses)) == 3


def test_divergence_names_stage_epoch_and_step(
    build: Build, fit_model, small: TrainOptions, tmp_path: Path
) -> None:
    message = r"loss became .* in stage 'all', epoch 1, .*step.*; lower"
    with pytest.raises(CheckFailed, match=message) as caught:
        fit_model(build(small), replace(small, head_rate=1e30), tmp_path)
    assert caught.value.exit_code == 3


def test_divergence_at_the_very_last_step_is_seen_too(
    build: Build, fit_model, small: TrainOptions, tmp_path: Path
) -> None:
    """Keras reports the loss before a step; the last step can break the weights unseen."""
    options = replace(small, head_rate=1e30, head_epochs=1, epochs=1, batch=1000)
    with pytest.raises(CheckFailed, match="validation loss became"):
        fit_model(build(small), options, tmp_path)


def test_loss_that_is_finite_but_absurd_is_divergence(
    build: Build, fit_model, lite: TrainOptions, tmp_path: Path
) -> None:
    options = replace(lite, rate=1e10, head_rate=1e10)
    with pytest.raises(CheckFailed, match=r"loss became [\d.]+e\+\d+ in stage 'head'"):
        fit_model(build(lite), options, tmp_path)


def test_predict_gives_each_image_its_own_scores_in_order(
    build: Build, data: Dataset, pixels: PixelCache, small: TrainOptions
) -> None:
    model = build(small)
    sha256s = [image.sha256 for image in data.split("train")]
    assert len(sha256s) > 64
    scores = predict(model, sha256s, pixels, "test")
    alone = np.asarray(model(pixels.read([sha256s[70]]).astype(np.float32)))
    assert scores.shape == (len(sha256s), 2)
    assert np.allclose(scores.sum(1), 1, atol=1e-5)
    assert np.allclose(scores[70], alone[0], atol=1e-5)


@pytest.fixture(scope="module")
def at_start(
    build: Build, data: Dataset, pixels: PixelCache, lite: TrainOptions
) -> tuple[keras.Model, Dataset, dict[str, np.ndarray]]:
    """An untrained model, images of which one class has fewer, and its logarithms for them."""
    mono = [image for image in data.split("train") if image.label == "mono"]
    poly = [image for image in data.split("train") if image.label == "poly"]
    unbalanced = replace(data, images=(*mono, *poly[::4], *data.split("val")))
    model = build(lite)
    hashes = {
        split: [image.sha256 for image in unbalanced.split(split)] for split in ("train", "val")
    }
    logs = np.log(predict(model, hashes["train"] + hashes["val"], pixels, "all"))
    train, val = np.split(logs, [len(hashes["train"])])
    return model, unbalanced, {"train": train, "val": val}


@pytest.mark.parametrize("weights", ["none", "balanced"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_losses_are_those_of_their_formulas(
    at_start: tuple[keras.Model, Dataset, dict[str, np.ndarray]],
    fit_model,
    lite: TrainOptions,
    tmp_path: Path,
    smoothing: float,
    weights: ClassWeights,
) -> None:
    """One step over all images at rate 0 keeps the weights, so both losses can be computed."""
    model, unbalanced, logs = at_start
    options = replace(lite, epochs=0, batch=1000, label_smoothing=smoothing, class_weights=weights)
    (epoch,) = fit_model(model, options, tmp_path, data=unbalanced)

    targets = unbalanced.targets("train")
    weight = np.ones(2)
    if weights == "balanced":
        weight = len(targets) / (2 * np.bincount(targets))
    smooth = np.eye(2)[targets] * (1 - smoothing) + smoothing / 2
    loss = np.mean(weight[targets] * -(smooth * logs["train"]).sum(1))
    assert epoch.loss == pytest.approx(float(loss), rel=0.01)
    targets = unbalanced.targets("val")
    loss = np.mean(weight[targets] * -logs["val"][range(len(targets)), targets])
    assert epoch.val_loss == pytest.approx(float(loss), rel=0.01)
