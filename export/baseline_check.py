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
from export.session import Session, tensorflow_imports
from runtime.errors import QuinceError
from runtime.models.labels import labels_file_text
from runtime.models.normalization import MODES, Normalization
from runtime.shared.progress import Progress
from runtime.system.atomic_files import write_file
from workstation.run_folder import ImageRecord

MAX_TRIED_IMAGES = 200
"""Test images on which other normalizations and label orders are tried."""
MIN_GAIN = 0.05
"""An order fitted to the answers must gain this much more than a usual one to be named."""
UNIT = "0,255"
"""The --normalize of models that take 0..1."""


@dataclass(frozen=True)
class _Cause:
    """A mistake without which the model would be better.

    order: the name of the label order, "" for that of the user. normalize: the value of
    --normalize, "" for that of the user.
    """

    order: str
    labels: tuple[str, ...]
    normalize: str
    baseline: Baseline


def check_baseline(session: Session, reference_scores: NDArray[np.float32]) -> Baseline:
    """Checks the Keras model by its scores of all test images, (n, classes).

    Raises:
        PoorModel: it is no better than answers that ignore the image, and --allow-poor-model is not
            given; with --strict also if the images are too few to decide. Names the mistake, if one
            is found.
    """
    run, limits = session.run, session.options.limits
    truth = _truth(run, run.split("test"))
    baseline = check_answers(truth, reference_scores.argmax(1), run.manifest.labels)
    reason = baseline.poor or (baseline.doubt if limits.strict else "")
    if not reason or limits.allow_poor_model:
        return baseline
    remedy = _remedy(session)
    raise PoorModel(str(run.path), f"{reason}. {remedy}; --allow-poor-model publishes it as it is")


def _truth(run: TrainedRun, images: Sequence[ImageRecord]) -> Indices:
    return np.array([run.manifest.labels.index(image.label) for image in images])


def _remedy(session: Session) -> str:
    run = session.run
    if not run.is_external:
        return "Train it longer or with other options"
    sample = stratified_sample(run.split("test"), MAX_TRIED_IMAGES, session.options.seed)
    pixels = session.test_pixels(MAX_TRIED_IMAGES)
    truth, labels = _truth(run, sample), run.manifest.labels
    own_answers = session.reference(pixels).argmax(1)
    own = check_answers(truth, own_answers, labels)
    causes = [
        cause
        for normalize, answers in (("", own_answers), *_other_normalizations(session, pixels))
        for cause in _causes(truth, answers, labels, normalize)
        if cause.baseline.is_useful and cause.baseline.accuracy > own.accuracy
    ]
    if not causes:
        return "No other label order or normalization helps; see if it is the right model"
    best = max(causes, key=lambda cause: cause.baseline.right)  # the first, so the simplest
    gain = 100 * (best.baseline.accuracy - own.accuracy)
    mistakes, advice = [], []
    if best.order:
        file = session.folder / f"{run.manifest.name}.labels-{best.order}.txt"
        write_file(file, labels_file_text(best.labels))
        mistakes.append(f"the labels in {best.order} order")
        advice.append(f"--labels {file}, which was written now")
    if best.normalize:
        mistakes.append(f"--normalize {best.normalize}")
        advice.append(f"--normalize {best.normalize}")
    return (
        f"With {' and '.join(mistakes)} it gains {gain:.0f} points"
        f" ({best.baseline.right} of {best.baseline.images} right): use {' and '.join(advice)}"
    )


def _causes(
    truth: Indices, answers: Indices, labels: tuple[str, ...], normalize: str
) -> Iterator[_Cause]:
    """Yields the check of the answers with the labels as they are and in each other order.

    A fitted order comes last. It is fitted on every second image and checked on the others, because
    on its own images it fits noise too.
    """
    best = check_answers(truth, answers, labels)
    yield _Cause("", labels, normalize, best)
    for name, order in usual_orders(labels):
        in_order = check_answers(truth_in_order(truth, labels, order), answers, order)
        best = max(best, in_order, key=lambda baseline: baseline.accuracy)
        yield _Cause(name, order, normalize, in_order)
    order = fitted_order(truth[::2], answers[::2], labels)
    if len(truth) < 2 or order == labels:
        return
    fitted = check_answers(truth_in_order(truth[1::2], labels, order), answers[1::2], order)
    if fitted.is_useful and fitted.accuracy >= best.accuracy + MIN_GAIN:
        yield _Cause("fitted", order, normalize, fitted)


def _other_normalizations(
    session: Session, pixels: NDArray[np.uint8]
) -> Iterator[tuple[str, Indices]]:
    """Yields each other value of --normalize with the answers, (n,), of the model under it."""
    with tensorflow_imports():
        from export.inputs.keras_loader import load, scores
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
                    model = load(run.model, replace(run.preparation, normalization=normalization))
                    yield name, scores(model, pixels).argmax(1)
                except QuinceError:  # the model cannot take it, as grey with three means
                    continue
            bar.advance()
