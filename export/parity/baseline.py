"""Checks the Keras model itself: a file that is as poor as its model would pass the parity gate.

A model that ignores the image can be right on most images, if most are of one class. So the mean
over the classes of the share that is right (balanced accuracy) decides, not the accuracy: whatever
a model answers without looking, that mean is at most 1 / classes on average.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.errors import CheckFailed
from runtime.shared.wording import counted

Indices = NDArray[np.integer[Any]]

DRAWS = 1000
MAX_LUCKY, MAX_USEFUL = 0.01, 0.05
"""Luck, or a useful model, is ruled out if at most this part of the draws gives such a result."""
ONE_ANSWER = 0.9
"""The part of all images, and of those of other classes, that get one and the same answer."""
MIN_OTHERS = 5
"""Images of other classes: a useful model, wrong on half of them at most, seldom misses all 5."""


KERAS_MODEL = "the Keras model"


class PoorModel(CheckFailed):
    """The Keras model itself is no better than answers that ignore the image."""


@dataclass(frozen=True)
class Baseline:
    """Holds what the check of a model's answers found.

    right, images: how many answers are right, of how many.
    poor: why the model is of no use; "" if it is of use or the images are too few to decide.
    doubt: why the images are too few to decide, or which mistake seems likely; else "".
    """

    right: int
    images: int
    poor: str = ""
    doubt: str = ""

    @property
    def accuracy(self) -> float:
        """The part of the images that is right, 0..1."""
        return self.right / self.images

    @property
    def is_useful(self) -> bool:
        """Whether the answers show that the model looks at the image."""
        return not (self.poor or self.doubt)


def check_answers(
    truth: Indices,
    answers: Indices,
    labels: tuple[str, ...],
    model: str = KERAS_MODEL,
) -> Baseline:
    """Checks answers by two comparisons of their mean recall, each in 1,000 seeded draws.

    The first draws give the same answers to the images in another order (a permutation test, as in
    Ojala and Garriga, "Permutation Tests for Studying Classifier Performance", JMLR 11, 2010). If
    more than 1 % of them are as good, the answers may be luck. Then the second draws come from a
    model that is half-way between luck and no error in each class. If at most 5 % of them are as
    bad, the model is poor; otherwise the images are too few to decide.

    Args:
        truth: (n,) index of the right class.
        answers: (n,) index of the class that the model answers.
        labels: (classes,) names.
        model: what messages call the model.
    """
    images, right = len(truth), int((truth == answers).sum())
    present, counts = np.unique(truth, return_counts=True)

    def mean_recall(given: Indices) -> float:
        hits = np.bincount(truth[truth == given], minlength=len(labels))
        return float((hits[present] / counts).mean())

    if reason := _one_answer(truth, answers, labels, model):
        return Baseline(right, images, poor=reason)
    recall, generator = mean_recall(answers), np.random.default_rng(0)
    enough = recall - 1e-9
    lucky = sum(mean_recall(generator.permutation(answers)) >= enough for _ in range(DRAWS))
    if lucky <= MAX_LUCKY * DRAWS:
        return Baseline(right, images)
    half_way = (1 + 1 / len(labels)) / 2
    useful = (generator.binomial(counts, half_way, (DRAWS, len(counts))) / counts).mean(axis=1)
    if (useful <= recall + 1e-9).mean() > MAX_USEFUL:
        subject = f"{counted(images, 'test image')} {'is' if images == 1 else 'are'} too few"
        return Baseline(right, images, doubt=f"{subject} to tell {model} from answers by luck")
    luck = float(np.isin(answers, present).mean() / len(present))
    return Baseline(
        right,
        images,
        poor=f"{model} itself is right on {right} of {counted(images, 'test image')}: the"
        f" mean over the classes is {recall:.2f}, and answers that ignore the image have"
        f" {luck:.2f}",
    )


def _one_answer(truth: Indices, answers: Indices, labels: tuple[str, ...], model: str) -> str:
    """Returns the reason if nearly all images of other classes get one answer, else ""."""
    values, counts = np.unique(answers, return_counts=True)
    answer = values[counts.argmax()]
    others = answers[truth != answer]
    least = min(counts.max() / len(truth), (others == answer).mean() if len(others) else 0)
    if len(others) < MIN_OTHERS or least < ONE_ANSWER:
        return ""
    return (
        f"{model} itself answers '{labels[answer]}' to {counts.max()} of"
        f" {counted(len(truth), 'test image')}, and {len(truth) - len(others)} are of that class"
    )
