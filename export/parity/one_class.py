"""Compares files of a model of one class with the Keras model: what they let pass, and what not.

Such a file has no label to get wrong. Its answer is whether an image is known, so verdicts are
compared, and how well similarities tell good parts from bad ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.inputs.trained_run import TrainedRun
from export.parity.baseline import Baseline
from export.parity.confidence_fit import fit_confidence
from export.parity.evaluate import ReferenceOutputs, score_all
from export.parity.gate import ParityResult
from runtime.errors import InputRefused
from runtime.shared.parity import compare
from workstation.similarity.measure import (
    LeftOutClass,
    SimilarityRecord,
    auroc,
    select_known,
    threshold_to_keep,
)
from workstation.similarity.prototypes import PrototypeFacts

UNKNOWN = "unknown"
"""Stands for the class of bad parts in the comparison; no model has it."""
USELESS = 0.55
"""A smaller AUROC on bad parts is worth a warning: 0.5 is luck."""

Similarities = NDArray[np.float32]


def compare_one_class(
    run: TrainedRun,
    reference: ReferenceOutputs,
    files: Sequence[Path],
    prototypes: Mapping[str, PrototypeFacts],
    keep: float,
) -> dict[str, ParityResult]:
    """Compares each model file with the Keras model on good and bad test images, by file name.

    The label of an image is the verdict at the threshold that keeps `keep` of the good images, of
    the file and of the Keras model each.

    Raises:
        CheckFailed: a model answers NaN.
        InputRefused: a test image is gone or changed, or a file has no similarities.
    """
    good = run.split("test")
    images = [*good, *(image for image in run.images if image.split == "strange")]
    expected, outputs = score_all(run, images, reference, files)
    count = len(good)
    truth = np.repeat([0, 1], [count, len(images) - count])
    groups = [image.group for image in images]
    kinds = np.array([image.label for image in images])
    labels = (run.manifest.labels[0], UNKNOWN)
    results = {}
    for file, of_file in outputs.items():
        if of_file.similarities is None or expected.similarities is None:
            raise InputRefused(
                file, "has no similarities, which are the answer of a one-class model"
            )
        similar, similar_keras = of_file.similarities[:, 0], expected.similarities[:, 0]
        fitted = fit_confidence(
            of_file.scores[:count],
            truth[:count],
            of_file.similarities[:count],
            groups[:count],
            keep,
        )
        threshold = threshold_to_keep(similar[:count], keep)
        threshold_keras = threshold_to_keep(similar_keras[:count], keep)
        facts = prototypes[file]
        results[file] = ParityResult(
            parity=compare(
                [image.path for image in images],
                truth,
                verdict_scores(similar_keras, threshold_keras),
                verdict_scores(similar, threshold),
                labels,
                groups,
            ),
            confidence=replace(fitted, min_score=0.0, right_kept=1.0),
            reference_scores=expected.scores[:count],
            scores=of_file.scores[:count],
            similarity=SimilarityRecord(
                tuple(_kinds(similar, threshold, kinds, count)),
                _auroc(similar, count),
                _auroc(similar_keras, count),
                facts.looks,
                facts.images,
                select_known(of_file.similarities[:count]),
                one_class=True,
            ),
        )
    return results


def verdict_scores(similar: Similarities, threshold: float) -> NDArray[np.float32]:
    """Returns (n, 2) scores 0..1 of known and unknown: at the threshold both are one half."""
    known = (0.5 + (similar - threshold) / 2).clip(0, 1)
    known = np.where(similar >= threshold, known.clip(0.5, 1), known)
    return np.stack([known, 1 - known], axis=1).astype(np.float32)


def check_one_class(result: ParityResult) -> Baseline:
    """Returns a doubt if the Keras model hardly tells bad parts from good ones."""
    right = round(result.parity.reference_accuracy * result.parity.images)
    found = result.similarity.keras_auroc if result.similarity else None
    doubt = ""
    if found is not None and found < USELESS:
        doubt = (
            f"bad parts are nearly as similar as good ones (AUROC {found:.2f}): the network does"
            " not see what is wrong with them. Cut the images closer, take another --backbone or"
            " --input-size, or train with a class of bad parts"
        )
    return Baseline(right, result.parity.images, doubt=doubt)


def _kinds(similar: Similarities, threshold: float, kinds: NDArray[Any], count: int) -> Any:
    """Yields a row for each kind of bad part, which follow the first `count` images."""
    bad = similar[count:]
    for kind in np.unique(kinds[count:]):
        of_kind = bad[kinds[count:] == kind]
        yield LeftOutClass(
            str(kind),
            len(of_kind),
            auroc(similar[:count], of_kind),
            float((of_kind < threshold).mean()),
        )


def _auroc(similar: Similarities, count: int) -> float | None:
    return auroc(similar[:count], similar[count:]) if len(similar) > count else None
