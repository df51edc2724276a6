"""Solves the head of a frozen network as a logistic regression, which is its optimum.

Gradient descent over a few epochs stops far from it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float32]

STRENGTHS = tuple(float(f"{10**-exponent:.2g}") for exponent in np.arange(0, 5.5, 0.5))
"""The strengths of the regularization that are tried, the strongest first."""
MIN_DEVIATIONS = (1.0, 0.3)
"""Of the mean deviation of all features: one that varies less is not scaled up further.

Its weight would otherwise be large, so new images could move the scores by any amount, and in 8
bits little is left for the other weights. Validation losses without a minimum, with 0.3, 1 and 3,
mean of three seeds: sign-digits 0.362, 0.326, 0.316, 0.324; clothing-120 0.478, 0.475, 0.449,
0.448; grocery-fruit 0.562, 0.556, 0.533, 0.572; solar cells (averages of blocks) 0.289, 0.289,
0.294, 0.294. Without one, weights in 8 bits changed up to a quarter of the labels of sign-digits;
from 0.3 on, none.
"""
MAX_ITERATIONS = 100
MAX_WORSE = 2
"""The search ends after this many weaker strengths with a higher validation loss."""


@dataclass(frozen=True)
class WeightedFeatures:
    """Holds (n, features) outputs of the frozen network, (n, classes) targets and (n,) weights."""

    features: Floats
    targets: Floats
    weights: Floats


@dataclass(frozen=True)
class SolvedHead:
    """Holds the weights of a Dense layer with softmax, and how good they are.

    kernel: (features, classes). bias: (classes,). strength: of the regularization. Losses are
    cross-entropies; accuracies are 0..1.
    """

    kernel: Floats
    bias: Floats
    strength: float
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float

    def scores(self, features: Floats) -> Floats:
        """Returns the (n, classes) probabilities of (n, features) outputs."""
        return np.asarray(np.exp(_log_softmax(features @ self.kernel + self.bias)))


def solve_head(
    train: WeightedFeatures,
    val: WeightedFeatures,
    strengths: Sequence[float] = STRENGTHS,
    min_deviations: Sequence[float] = MIN_DEVIATIONS,
) -> SolvedHead:
    """Returns the head with the lowest loss on `val`, of those that are optimal on `train`.

    A head minimizes the weighted mean of the cross-entropy plus `strength` / 2 times the sum of the
    squared kernel, on features with mean 0 and standard deviation 1 at most (multinomial logistic
    regression; L-BFGS, Liu and Nocedal, Mathematical Programming 45, 1989, 503-528). Each strength
    starts from the solution of the one before. Mean and deviation are folded into the kernel and
    the bias, so the head takes the features as they are.
    """
    heads = [_solve(train, val, strengths, share) for share in min_deviations]
    return min(heads, key=lambda head: head.val_loss)


def _solve(
    train: WeightedFeatures, val: WeightedFeatures, strengths: Sequence[float], min_deviation: float
) -> SolvedHead:
    mean, deviation = train.features.mean(0), train.features.std(0)
    deviation = np.maximum(deviation, max(min_deviation * deviation.mean(), 1e-6))
    scaled = WeightedFeatures(
        (train.features - mean) / deviation, train.targets, train.weights / train.weights.sum()
    )
    best: SolvedHead | None = None
    worse = 0
    for strength, kernel, bias in _solutions(scaled, strengths):
        kernel = kernel / deviation[:, np.newaxis]
        bias = bias - mean @ kernel
        head = SolvedHead(
            kernel, bias, strength, *_quality(kernel, bias, train), *_quality(kernel, bias, val)
        )
        if best is None or head.val_loss < best.val_loss:
            best, worse = head, 0
        else:
            worse += 1
        if worse == MAX_WORSE:
            break
    assert best is not None
    return best


def image_losses(head: SolvedHead, examples: WeightedFeatures) -> NDArray[np.float64]:
    """Returns the (n,) cross-entropies of the images, without their weights."""
    log_scores = _log_softmax(examples.features @ head.kernel + head.bias)
    return np.asarray(-(examples.targets * log_scores).sum(1), np.float64)


def _solutions(
    train: WeightedFeatures, strengths: Sequence[float]
) -> Iterator[tuple[float, Floats, Floats]]:
    """Yields each strength with its kernel and bias for the scaled features."""
    shape = (train.features.shape[1] + 1, train.targets.shape[1])
    parameters = np.zeros(shape).ravel()

    def loss_and_gradient(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        head = flat.reshape(shape)
        kernel, bias = head[:-1].astype(np.float32), head[-1].astype(np.float32)
        log_scores = _log_softmax(train.features @ kernel + bias)
        loss = -float((train.targets * log_scores).sum(1) @ train.weights)
        errors = (np.exp(log_scores) - train.targets) * train.weights[:, np.newaxis]
        gradient = np.concatenate([train.features.T @ errors, errors.sum(0, keepdims=True)])
        gradient = gradient.astype(np.float64)
        gradient[:-1] += strength * head[:-1]
        return loss + strength / 2 * float((head[:-1] ** 2).sum()), gradient.ravel()

    for strength in strengths:
        solution = minimize(
            loss_and_gradient,
            parameters,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MAX_ITERATIONS, "ftol": 1e-6},
        )
        parameters = solution.x
        head = parameters.reshape(shape).astype(np.float32)
        yield strength, head[:-1], head[-1]


def _quality(kernel: Floats, bias: Floats, examples: WeightedFeatures) -> tuple[float, float]:
    """Returns the weighted loss and the accuracy of a head."""
    log_scores = _log_softmax(examples.features @ kernel + bias)
    losses = -(examples.targets * log_scores).sum(1)
    right = log_scores.argmax(1) == examples.targets.argmax(1)
    return float(np.average(losses, weights=examples.weights)), float(right.mean())


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))
