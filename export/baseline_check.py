"""Refuses to publish files of a poor Keras model, and looks for the mistake behind it.

The usual mistakes are labels in another order than the model's outputs, and another normalization
than the one that the model was trained with.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from export.inputs.trained_run import TrainedRun, stratified_sample
from export.parity.baseline import Baseline, Indices, PoorModel, check_answers
from export.parity.label_orders import fitted_order, truth_in_order, usual_orders
from export.session import Session
from runtime.errors import QuinceError
from runtime.models.labels import labels_file_text
from runtime.models.normalization import MODES, Normalization
from runtime.shared.progress import Progress
from runtime.system.atomic_files import write_file
from workstation.run_folder import ImageRecord

MAX_TRIED_IMAGES = 200
"""Test images on which other normalizations and label orders are tried."""
MAX_DOUBTED_IMAGES = 64
"""As above, for a model that is of use; the answers to all test images are known without this."""
MIN_GAIN = 0.05
"""A less simple mistake must gain this much more than a simpler one to be named.

With a model that is of use, any mistake must gain this much, and SURE_GAIN standard errors.
"""
SURE_GAIN = 3
UNIT = "0,255"
"""The --normalize of models that take 0..1."""


@dataclass(frozen=True)
class _Cause:
    """A mistake without which the model would be better.

    order: the name of the label order, "" for that of the user. normalize: the value of
    --normalize, "" for that of the user. own: the accuracy with both of the user.
    """

    order: str
    labels: tuple[str, ...]
    normalize: str
    baseline: Baseline
    own: float

    @property
    def gain(self) -> float:
        return self.baseline.accuracy - self.own

    @property
    def handicap(self) -> float:
        """How much more than a simple mistake it must gain to be named instead."""
        return MIN_GAIN * ((self.order == "fitted") + bool(self.order and self.normalize))

    @property
    def is_sure(self) -> bool:
        """Whether so large a gain is no luck."""
        accuracy = self.baseline.accuracy
        variance = accuracy * (1 - accuracy) + self.own * (1 - self.own)
        error = float(np.sqrt(variance / self.baseline.images))
        return bool(self.gain >= max(MIN_GAIN, SURE_GAIN * error))


def check_baseline(session: Session, reference_scores: NDArray[np.float32]) -> Baseline:
    """Checks the Keras model by its scores of all test images, (n, classes).

    An external model of use gets a doubt if another label order or normalization gains much.

    Raises:
        PoorModel: it is no better than answers that ignore the image, and --allow-poor-model is not
            given; with --strict also if the images are too few to decide. Names the mistake, if one
            is found.
    """
    run, limits = session.run, session.options.limits
    answers = reference_scores.argmax(1)
    baseline = check_answers(
        _truth(run, run.split("test")), answers, run.manifest.labels, f"the {run.reference} model"
    )
    if limits.allow_poor_model:
        return baseline
    if reason := baseline.poor or (baseline.doubt if limits.strict else ""):
        remedy = "Train it longer or with other options"
        if run.is_external:
            cause = _best_cause(session, answers, MAX_TRIED_IMAGES)
            remedy = "No other label order or normalization helps; see if it is the right model"
            if cause:
                remedy = _advice(session, cause)
        reason = f"{reason}. {remedy}; --allow-poor-model publishes it as it is"
        raise PoorModel(str(run.path), reason)
    if run.is_external and baseline.is_useful and baseline.accuracy <= 1 - MIN_GAIN:
        cause = _best_cause(session, answers, MAX_DOUBTED_IMAGES)
        if cause and cause.is_sure:
            found = (
                f"the {run.reference} model is right on {baseline.accuracy:.0%} of the test images"
            )
            return replace(baseline, doubt=f"{found}. {_advice(session, cause)}")
    return baseline


def _truth(run: TrainedRun, images: Sequence[ImageRecord]) -> Indices:
    return np.array([run.manifest.labels.index(image.label) for image in images])


def _best_cause(session: Session, answers: Indices, tried: int) -> _Cause | None:
    """Returns the mistake without which most is gained, the simplest of several, or None.

    `answers` are those to all test images; `tried` images serve to try normalizations.
    """
    run = session.run
    labels = run.manifest.labels
    truth = _truth(run, run.split("test"))
    causes = list(_causes(truth, answers, labels, "", float((truth == answers).mean())))
    truth = _truth(run, stratified_sample(run.split("test"), tried, session.options.seed))
    pixels = session.test_pixels(tried)
    own = float((truth == session.reference(pixels).argmax(1)).mean())
    for normalize, other_answers in _other_normalizations(session, pixels):
        causes += _causes(truth, other_answers, labels, normalize, own)
    causes = [cause for cause in causes if cause.baseline.is_useful and cause.gain > 0]
    return max(causes, key=lambda cause: cause.gain - cause.handicap, default=None)


def _advice(session: Session, cause: _Cause) -> str:
    """Returns what to type without the mistake, and writes the labels file if it takes one."""
    run = session.run
    mistakes, advice = [], []
    if cause.normalize:
        mistakes.append(f"--normalize {cause.normalize}")
        advice.append(f"--normalize {cause.normalize}")
    if cause.order:
        file = session.folder / f"{run.manifest.name}.labels-{cause.order}.txt"
        write_file(file, labels_file_text(cause.labels))
        mistakes.append(f"the labels in {cause.order} order")
        advice.append(f"--labels {file}, which was written now")
    return (
        f"With {' and '.join(mistakes)} it gains {100 * cause.gain:.0f} points"
        f" ({cause.baseline.right} of {cause.baseline.images} right): use {' and '.join(advice)}"
    )


def _causes(
    truth: Indices, answers: Indices, labels: tuple[str, ...], normalize: str, own: float
) -> Iterator[_Cause]:
    """Yields the check of the answers with the labels as they are and in each other order.

    A fitted order comes last. It is fitted on every second image and checked on the others, because
    on its own images it fits noise too.
    """
    best = check_answers(truth, answers, labels)
    yield _Cause("", labels, normalize, best, own)
    for name, order in usual_orders(labels):
        in_order = check_answers(truth_in_order(truth, labels, order), answers, order)
        best = max(best, in_order, key=lambda baseline: baseline.accuracy)
        yield _Cause(name, order, normalize, in_order, own)
    order = fitted_order(truth[::2], answers[::2], labels)
    if len(truth) < 2 or order == labels:
        return
    fitted = check_answers(truth_in_order(truth[1::2], labels, order), answers[1::2], order)
    if fitted.is_useful and fitted.accuracy >= best.accuracy + MIN_GAIN:
        yield _Cause("fitted", order, normalize, fitted, own)


def _other_normalizations(
    session: Session, pixels: NDArray[np.uint8]
) -> Iterator[tuple[str, Indices]]:
    """Yields each other value of --normalize with the answers, (n,), of the model under it."""
    run = session.run
    modes: dict[str, Normalization | None] = {
        "none": None,
        **MODES,
        UNIT: Normalization((0.0,), (255.0,)),
    }
    with Progress("look for the cause", len(modes)) as bar:
        for name, normalization in modes.items():
            if normalization != run.preparation.normalization:
                try:
                    yield name, session.scores_with(normalization, pixels).argmax(1)
                except QuinceError:  # the model cannot take it, as grey with three means
                    continue
            bar.advance()
