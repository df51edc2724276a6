"""Tests that the solved head is the optimum, and which strength it takes."""

import numpy as np
import pytest

from train.fitting.solved_head import MIN_DEVIATIONS, STRENGTHS, WeightedFeatures, solve_head


def _examples(images: int, seed: int, noise: float = 1.0) -> WeightedFeatures:
    """Three classes in 20 features, of which three tell the class; scales differ by far."""
    generator = np.random.default_rng(seed)
    classes = generator.integers(0, 3, images)
    features = generator.normal(0, noise, (images, 20))
    features[np.arange(images), classes] += 2
    features = features * np.geomspace(0.3, 3, 20) + 5
    return WeightedFeatures(
        features.astype(np.float32),
        np.eye(3, dtype=np.float32)[classes],
        np.ones(images, np.float32),
    )


def _scores(head, features: np.ndarray) -> np.ndarray:
    logits = features.astype(np.float64) @ head.kernel + head.bias
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def test_gradient_is_zero_at_the_solution() -> None:
    """The gradient of the regularized loss, computed here for the folded weights."""
    train = _examples(400, 1)
    head = solve_head(train, _examples(400, 2), min_deviations=(0.5,))
    mean, deviation = train.features.mean(0), train.features.std(0)
    deviation = np.maximum(deviation, 0.5 * deviation.mean())
    errors = (_scores(head, train.features) - train.targets) / len(train.targets)
    scaled = (train.features - mean) / deviation
    gradient = scaled.T @ errors + head.strength * head.kernel * deviation[:, np.newaxis]
    assert np.abs(gradient).max() < 1e-3
    assert np.abs(errors.sum(0)).max() < 1e-3
    assert np.abs(scaled.T @ (1 / 3 - train.targets) / 400).max() > 0.1, "far from it at the start"


def test_losses_and_accuracies_are_those_of_the_head() -> None:
    train, val = _examples(200, 1), _examples(300, 2)
    head = solve_head(train, val)
    scores = _scores(head, val.features)
    loss = -np.log((scores * val.targets).sum(1)).mean()
    assert head.val_loss == pytest.approx(loss, rel=1e-4)
    assert head.val_accuracy == (scores.argmax(1) == val.targets.argmax(1)).mean() > 0.8


def test_feature_that_hardly_varies_does_not_decide() -> None:
    """A new image may have any value there, and no bits would be left to the other weights."""
    train, val = _examples(400, 1), _examples(400, 2)
    for examples in (train, val):
        examples.features[:, 19] = 1e-4 * examples.targets[:, 0]
    kernel = np.abs(solve_head(train, val).kernel).max(1)
    assert kernel[19] < 10 * kernel[:3].max()


def test_validation_chooses_how_far_features_are_scaled_up() -> None:
    train, val = _examples(60, 1, noise=2.0), _examples(400, 2, noise=2.0)
    losses = [solve_head(train, val, min_deviations=(one,)).val_loss for one in MIN_DEVIATIONS]
    assert losses[0] != losses[1]
    for order in (MIN_DEVIATIONS, MIN_DEVIATIONS[::-1]):
        assert solve_head(train, val, min_deviations=order).val_loss == min(losses)


def test_few_noisy_images_take_a_stronger_regularization_than_many() -> None:
    val = _examples(1000, 3, noise=2.0)
    few = solve_head(_examples(40, 1, noise=2.0), val)
    many = solve_head(_examples(5000, 1, noise=2.0), val)
    assert STRENGTHS[-1] < many.strength < few.strength


def test_weights_count_images_more_than_once() -> None:
    train, val = _examples(100, 1), _examples(100, 2)
    twice = WeightedFeatures(
        np.concatenate([train.features, train.features[:50]]),
        np.concatenate([train.targets, train.targets[:50]]),
        np.ones(150, np.float32),
    )
    weights = np.ones(100, np.float32)
    weights[:50] = 2
    weighted = solve_head(WeightedFeatures(train.features, train.targets, weights), val)
    # Mean and deviation of the scaling differ, and with them the penalty, but only a little.
    assert weighted.val_loss == pytest.approx(solve_head(twice, val).val_loss, rel=0.05)
