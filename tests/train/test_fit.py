"""The two stages of training: what learns, what stays, which weights are kept, and what happens when it diverges or is killed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from runtime.errors import CheckFailed, InputRefused
from runtime.preprocess import Preprocessing
from train.backbones import BACKBONES
from train.cache import PixelCache
from train.data import scan
from train.epoch import Epoch, kept
from train.fit import fit, predict
from train.frozen import Examples, Frozen
from train.model import build_augmentation, build_model
from train.options import ClassWeights, Flip, TrainOptions
from train.precision import FLOAT32, MIXED, precision
from train.settings import settle
from train.split import Fractions
from train.stages import FLATTEN, INPUT, POOL, stages
from train.unfinished import Unfinished

LITE = TrainOptions(head_epochs=1, epochs=2, batch=16, views=1, dropout=0.0, rate=1e-3, head_rate=1e-2)
SMALL = TrainOptions(backbone="simple-cnn", head_epochs=2, epochs=2, batch=16, views=1, dropout=0.0, head_rate=3e-3)
NO_AUGMENTATION = build_augmentation("none", 0, 7)


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> PixelCache:
    return PixelCache(tmp_path_factory.mktemp("cache"), Preprocessing(32, 32))


@pytest.fixture(scope="module")
def examples(cells: Path, pixels: PixelCache) -> dict[str, Examples]:
    data = scan(cells, pixels, Fractions(), 7)
    return {split: Examples([picture.sha256 for picture in data.split(split)], data.targets(split)) for split in ("train", "val", "test")}


def _fit(
    model: keras.Model,
    options: TrainOptions,
    examples: dict[str, Examples],
    pixels: PixelCache,
    folder: Path,
    augment: keras.Sequential = NO_AUGMENTATION,
    after_epoch: Callable[[Epoch], None] = lambda _: None,
) -> list[Epoch]:
    keras.utils.set_random_seed(options.seed)
    plan = stages(model, settle(options))
    frozen = Frozen(folder / "features", model, plan[-1].boundary, pixels, augment)
    partial = Unfinished(folder / "run.partial", {"options": {}})
    return fit(model, plan, examples["train"], examples["val"], frozen, options, partial, after_epoch)[0]


def _build(options: TrainOptions, pixels: PixelCache) -> keras.Model:
    keras.utils.set_random_seed(options.seed)
    return build_model(BACKBONES[options.backbone], pixels.preprocessing, 2, settle(options))


def _loss(model: keras.Model, examples: Examples, pixels: PixelCache) -> float:
    scores = predict(model, examples.sha256s, pixels, "test")
    return float(-np.log(scores[np.arange(len(scores)), examples.targets]).mean())


@pytest.fixture(scope="module")
def fine_tuned(examples, pixels, tmp_path_factory):
    """A pretrained model after both stages, its weights from before by layer, and the history."""
    model = _build(LITE, pixels)
    before = {layer.name: [weight.copy() for weight in layer.get_weights()] for layer in model.layers}
    history = _fit(model, LITE, examples, pixels, tmp_path_factory.mktemp("scratch"))
    return model, before, history


def _changed(model: keras.Model, before: dict[str, list[np.ndarray]]) -> set[str]:
    return {
        layer.name
        for layer in model.layers
        if any(not np.array_equal(new, old) for new, old in zip(layer.get_weights(), before[layer.name], strict=True))
    }


def test_plan_is_head_then_last_blocks_at_their_own_rates(fine_tuned) -> None:
    head, thawed = stages(fine_tuned[0], settle(TrainOptions(rate=1e-4, head_rate=1e-2, epochs=3, head_epochs=2)))
    assert (head.boundary, head.rate, head.epochs, head.batch_norm) == (POOL, 1e-2, 2, False)
    assert (thawed.boundary, thawed.rate, thawed.epochs, thawed.batch_norm) == ("block7_add", 1e-4, 3, False)


@pytest.mark.parametrize(("head_epochs", "epochs", "names"), [(0, 3, ["fine-tune"]), (3, 0, ["head"])])
def test_stage_of_no_epochs_is_left_out(fine_tuned, head_epochs: int, epochs: int, names: list[str]) -> None:
    plan = stages(fine_tuned[0], settle(TrainOptions(head_epochs=head_epochs, epochs=epochs)))
    assert [stage.name for stage in plan] == names


@pytest.mark.parametrize(
    ("thaw", "border"),
    [(1, "block14_add"), (2, "block13_add"), (None, "block7_add"), (16, INPUT), ("all", INPUT)],
)
def test_thaw_is_the_last_so_many_blocks(fine_tuned, thaw, border: str) -> None:
    assert stages(fine_tuned[0], settle(TrainOptions(thaw=thaw)))[-1].boundary == border


def test_more_blocks_than_there_are_is_refused(fine_tuned) -> None:
    with pytest.raises(InputRefused, match="has 16 blocks, found 17"):
        stages(fine_tuned[0], settle(TrainOptions(thaw=17)))


def test_article_trains_its_head_and_then_the_last_block_too(examples, pixels, tmp_path: Path) -> None:
    """On a real pretrained network; its hidden layer makes the head."""
    options = replace(LITE, recipe="article", head_rate=1e-4, rate=1e-4)
    model = _build(options, pixels)
    before = {layer.name: [weight.copy() for weight in layer.get_weights()] for layer in model.layers}
    head, thawed = stages(model, settle(options))
    assert (head.boundary, thawed.boundary) == (FLATTEN, "block14_add")
    _fit(model, options, examples, pixels, tmp_path)
    block = {f"block15_{part}_conv" for part in ("expand", "depthwise", "project")}
    assert _changed(model, before) == block | {"head_conv", "hidden", "scores"}


def test_backbone_without_weights_learns_everything_at_once(pixels) -> None:
    (stage,) = stages(_build(SMALL, pixels), settle(SMALL))
    assert (stage.epochs, stage.rate, stage.batch_norm) == (4, SMALL.head_rate, True)


def test_history_tells_both_stages(fine_tuned) -> None:
    assert [(epoch.stage, epoch.epoch) for epoch in fine_tuned[2]] == [("head", 1), ("fine-tune", 1), ("fine-tune", 2)]


def test_batch_norm_of_a_pretrained_backbone_never_changes(fine_tuned) -> None:
    model, before, _ = fine_tuned
    norms = {layer.name for layer in model.layers if isinstance(layer, layers.BatchNormalization)}
    assert len(norms) == 49
    assert norms & _changed(model, before) == set()


def test_only_the_blocks_after_the_border_and_the_head_learn(fine_tuned) -> None:
    model, before, _ = fine_tuned
    names = [layer.name for layer in model.layers]
    after = names[names.index("block7_add") + 1 :]
    convolutions = {name for name in after if name.endswith("_conv")}
    assert len(convolutions) == 3 * 8 + 1
    assert _changed(model, before) == convolutions | {"scores"}


def test_head_stage_alone_changes_the_head_alone(examples, pixels, tmp_path: Path) -> None:
    model = _build(LITE, pixels)
    before = {layer.name: [weight.copy() for weight in layer.get_weights()] for layer in model.layers}
    _fit(model, replace(LITE, epochs=0, head_epochs=2), examples, pixels, tmp_path)
    assert _changed(model, before) == {"scores"}


def test_backbone_from_scratch_learns_its_batch_norm_too(examples, pixels, tmp_path: Path) -> None:
    model = _build(SMALL, pixels)
    before = {layer.name: [weight.copy() for weight in layer.get_weights()] for layer in model.layers}
    _fit(model, SMALL, examples, pixels, tmp_path)
    assert _changed(model, before) == {layer.name for layer in model.layers if layer.weights}


def test_frozen_features_are_those_of_the_whole_model(fine_tuned, examples, pixels) -> None:
    """Were features and tail put together wrongly, the model's own validation loss would differ from the one it was trained by."""
    model, _, history = fine_tuned
    assert _loss(model, examples["val"], pixels) == pytest.approx(kept(history, len(examples["val"].targets)).val_loss, rel=0.01)


@pytest.mark.parametrize("place", [0, 3, -1])
def test_weights_of_the_epoch_to_keep_are_kept(examples, pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    """Whichever it is: also one from before the last."""
    monkeypatch.setattr("train.fit.kept", lambda history, _: history[:place][-1] if place > 0 else history[place])
    model = _build(SMALL, pixels)
    history = _fit(model, replace(SMALL, head_epochs=6, epochs=6, head_rate=0.03), examples, pixels, tmp_path)
    losses = [epoch.val_loss for epoch in history]
    wanted = losses[place - 1 if place > 0 else place]
    assert _loss(model, examples["val"], pixels) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize(("recipe", "arithmetic"), [("quince", FLOAT32), ("article", FLOAT32), ("quince", MIXED)])
def test_fine_tuning_keeps_a_running_average_in_our_recipe_and_the_last_step_in_the_article_s(
    examples, pixels, tmp_path, recipe, arithmetic
) -> None:
    """Of w1 and w2, the weights after its two steps, 0.98 w1 + 0.02 w2: next to w1, which a rate of nothing leaves where it began."""
    options = replace(LITE, recipe=recipe, head_epochs=0, epochs=1, batch=-(-len(examples["train"].targets) // 2))
    with precision(arithmetic):
        model = _build(options, pixels)
        before = {layer.name: [weight.copy() for weight in layer.get_weights()] for layer in model.layers}
        _fit(model, options, examples, pixels, tmp_path)
    checkpoint = Unfinished(tmp_path / "run.partial", {"options": {}}).read()
    assert checkpoint is not None
    tail = keras.Model(model.get_layer(stages(model, settle(options))[-1].boundary).output, model.output)
    start = [weight for layer in tail.layers for weight in before.get(layer.name, ())]
    part = [
        np.abs(kept - old).sum() / np.abs(last - old).sum()
        for old, last, kept in zip(start, checkpoint.weights, checkpoint.best, strict=True)
        if not np.array_equal(old, last)
    ]
    assert len(part) > 3
    assert part == pytest.approx([0.02 if recipe == "quince" else 1] * len(part), rel=0.01)


def test_stage_stops_after_so_many_epochs_without_gain(examples, pixels, tmp_path: Path) -> None:
    options = replace(SMALL, head_epochs=15, epochs=15, head_rate=0.03, patience=3)
    losses = [epoch.val_loss for epoch in _fit(_build(SMALL, pixels), options, examples, pixels, tmp_path)]
    assert len(losses) < 30
    assert len(losses) - 1 - losses.index(min(losses)) == 3


def test_augmentation_reaches_training_pictures_and_never_validation(examples, pixels, tmp_path: Path) -> None:
    blackened = keras.Sequential([layers.Rescaling(0.0)])
    model = _build(SMALL, pixels)
    history = _fit(model, SMALL, examples, pixels, tmp_path, blackened)
    seen = [np.load(file) for file in (tmp_path / "features").rglob("*.npy")]
    train, val = sorted(seen, key=len, reverse=True)
    assert not train.any()
    assert np.array_equal(val, pixels.read(examples["val"].sha256s))
    assert _loss(model, examples["val"], pixels) == pytest.approx(kept(history, len(examples["val"].targets)).val_loss, rel=1e-3)


def test_views_are_different_augmentations_of_the_same_pictures(examples, pixels, tmp_path: Path) -> None:
    one, other = _views(pixels, examples, tmp_path, "horizontal", 7)
    plain = pixels.read(examples["train"].sha256s).astype(np.float32)
    assert np.abs(one - other).mean() > 1
    for view in (one, other):
        own = [np.corrcoef(a.mean((1, 2)), b.mean((1, 2)))[0, 1] for a, b in zip(view, plain, strict=True)]
        assert np.median(own) > 0.5, "still the same picture, in the same place"


def _views(pixels: PixelCache, examples: dict[str, Examples], folder: Path, flip: Flip, seed: int) -> list[np.ndarray]:
    frozen = Frozen(folder, _build(SMALL, pixels), INPUT, pixels, build_augmentation(flip, 1.0, seed))
    return [frozen.view(examples["train"], number, INPUT).astype(np.float32) for number in range(2)]


def test_views_are_of_the_seed_alone_and_found_again(examples, pixels, tmp_path: Path) -> None:
    first = _views(pixels, examples, tmp_path / "a", "both", 7)
    keras.utils.set_random_seed(99)
    assert np.array_equal(first, _views(pixels, examples, tmp_path / "b", "both", 7)), "whatever was drawn before"
    assert np.array_equal(first, _views(pixels, examples, tmp_path / "a", "both", 7))
    assert len(list((tmp_path / "a").iterdir())) == 2, "found again"
    assert not np.array_equal(first, _views(pixels, examples, tmp_path / "a", "both", 8))
    assert not np.array_equal(first, _views(pixels, examples, tmp_path / "a", "none", 7))


@pytest.mark.parametrize("flip", ["none", "horizontal", "both"])
def test_flips_are_those_that_were_asked_for(flip: str) -> None:
    picture = np.arange(4 * 4 * 3, dtype=np.float32).reshape(1, 4, 4, 3)
    augment = build_augmentation(flip, 0, 7)
    seen = {np.asarray(augment(picture, training=True)).tobytes() for _ in range(60)}
    mirrored = {"none": [picture], "horizontal": [picture, picture[:, :, ::-1]]}
    mirrored["both"] = [*mirrored["horizontal"], picture[:, ::-1], picture[:, ::-1, ::-1]]
    assert seen == {np.ascontiguousarray(array).tobytes() for array in mirrored[flip]}


def test_augmented_pixels_stay_in_range(examples, pixels) -> None:
    pictures = pixels.read(examples["train"].sha256s).astype(np.float32)
    out = np.asarray(build_augmentation("both", 3.0, 7)(pictures, training=True))
    assert out.shape == pictures.shape
    assert out.min() >= 0
    assert out.max() <= 255


def test_divergence_names_stage_epoch_and_step(examples, pixels, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=r"loss became .* in stage 'all', epoch 1, .*step.*; lower") as caught:
        _fit(_build(SMALL, pixels), replace(SMALL, head_rate=1e30), examples, pixels, tmp_path)
    assert caught.value.exit_code == 3


def test_divergence_at_the_very_last_step_is_seen_too(examples, pixels, tmp_path: Path) -> None:
    """The loss of a step is that of before it: one epoch of one step breaks the weights and still reports a good loss."""
    options = replace(SMALL, head_rate=1e30, head_epochs=1, epochs=1, batch=1000)
    with pytest.raises(CheckFailed, match="validation loss became"):
        _fit(_build(SMALL, pixels), options, examples, pixels, tmp_path)


def test_loss_that_is_finite_but_absurd_is_divergence(examples, pixels, tmp_path: Path) -> None:
    options = replace(LITE, rate=1e10, head_rate=1e10)
    with pytest.raises(CheckFailed, match=r"loss became [\d.]+e\+\d+ in stage 'head'"):
        _fit(_build(LITE, pixels), options, examples, pixels, tmp_path)


def test_predict_gives_each_picture_its_own_scores_in_order(examples, pixels) -> None:
    model = _build(SMALL, pixels)
    names = examples["train"].sha256s
    assert len(names) > 64
    scores = predict(model, names, pixels, "test")
    alone = np.asarray(model(pixels.read([names[70]]).astype(np.float32)))
    assert scores.shape == (len(names), 2)
    assert np.allclose(scores.sum(1), 1, atol=1e-5)
    assert np.allclose(scores[70], alone[0], atol=1e-5)


class _Killed(Exception):
    pass


def _fit_killed_after_each_epoch(options: TrainOptions, examples, pixels: PixelCache, folder: Path) -> tuple[keras.Model, list[Epoch]]:
    """As if a new process went on after each epoch: nothing but the folder is handed on."""

    def kill(_: Epoch) -> None:
        raise _Killed

    for _ in range(options.head_epochs + options.epochs):
        model = _build(options, pixels)
        try:
            return model, _fit(model, options, examples, pixels, folder, build_augmentation("both", 1.0, 7), kill)
        except _Killed:
            pass
    model = _build(options, pixels)
    return model, _fit(model, options, examples, pixels, folder, build_augmentation("both", 1.0, 7), kill)


@pytest.mark.parametrize(
    "options",
    [replace(LITE, head_epochs=1, epochs=2, views=2, dropout=0.5), replace(SMALL, head_epochs=3, epochs=0, views=2, dropout=0.5)],
    ids=["two stages", "from scratch"],
)
def test_killed_after_any_epoch_it_ends_with_the_same_bits(examples, pixels, tmp_path: Path, options: TrainOptions) -> None:
    whole = _build(options, pixels)
    history = _fit(whole, options, examples, pixels, tmp_path / "whole", build_augmentation("both", 1.0, 7))
    killed, killed_history = _fit_killed_after_each_epoch(options, examples, pixels, tmp_path / "killed")
    assert [replace(epoch, seconds=0) for epoch in killed_history] == [replace(epoch, seconds=0) for epoch in history]
    for one, other in zip(whole.get_weights(), killed.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_checkpoint_that_does_not_fit_the_network_is_refused(examples, pixels, tmp_path: Path) -> None:
    _fit(_build(SMALL, pixels), SMALL, examples, pixels, tmp_path)
    other = build_model(BACKBONES["simple-cnn"], pixels.preprocessing, 3, settle(SMALL))
    with pytest.raises(InputRefused, match="does not fit this network") as caught:
        _fit(other, SMALL, examples, pixels, tmp_path)
    assert caught.value.thing == str(tmp_path / "run.partial" / "checkpoint.npz")


def test_divergence_keeps_the_last_good_epoch_and_says_how_to_go_on(examples, pixels, tmp_path: Path) -> None:
    options = replace(LITE, head_epochs=1, epochs=2, rate=1e30)
    with pytest.raises(CheckFailed, match=r"fine-tune', epoch 1, .* goes on from head epoch 1") as caught:
        _fit(_build(options, pixels), options, examples, pixels, tmp_path)
    assert caught.value.exit_code == 3
    assert str(tmp_path / "run.partial" / "checkpoint.npz") in str(caught.value)
    history = _fit(_build(options, pixels), replace(options, rate=1e-4), examples, pixels, tmp_path)
    assert [str(epoch) for epoch in history] == ["head epoch 1", "fine-tune epoch 1", "fine-tune epoch 2"]


@pytest.mark.parametrize("weights", ["none", "balanced"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_losses_are_those_of_the_objective(examples, pixels, tmp_path: Path, smoothing: float, weights: ClassWeights) -> None:
    """One step of all pictures, whose rate is still 0, leaves the weights as they are: both losses can be computed by hand."""
    few = [index for index, target in enumerate(examples["train"].targets) if target == 0 or index % 4 == 0]
    train = Examples([examples["train"].sha256s[index] for index in few], [examples["train"].targets[index] for index in few])
    options = replace(LITE, epochs=0, batch=1000, label_smoothing=smoothing, class_weights=weights)
    model = _build(options, pixels)
    logs = {split: np.log(predict(model, data.sha256s, pixels, split)) for split, data in (("train", train), ("val", examples["val"]))}
    (epoch,) = _fit(model, options, {**examples, "train": train}, pixels, tmp_path)

    counts = np.bincount(train.targets)
    weight = len(few) / (2 * counts) if weights == "balanced" else np.ones(2)
    smooth = np.eye(2)[train.targets] * (1 - smoothing) + smoothing / 2
    assert epoch.loss == pytest.approx(float(np.mean(weight[train.targets] * -(smooth * logs["train"]).sum(1))), rel=0.01)
    targets = examples["val"].targets
    assert epoch.val_loss == pytest.approx(float(np.mean(weight[targets] * -logs["val"][range(len(targets)), targets])), rel=0.01)
