"""Compares each artifact with the Keras model on every test image, and applies the limits."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.inputs.trained_run import TrainedRun
from export.parity.class_findings import ClassFinding, find_per_class
from export.parity.confidence_fit import fit_confidence
from export.parity.evaluate import Outputs, ReferenceOutputs, score_all
from runtime.errors import CheckFailed, InputRefused
from runtime.models.confidence import Confidence
from runtime.shared.parity import ParityFigures, ParityReport, compare
from runtime.shared.statistics import images_to_decide
from runtime.shared.wording import counted
from workstation.similarity.measure import (
    SimilarityRecord,
    leave_classes_out,
    mean_auroc,
    select_known,
)
from workstation.similarity.prototypes import PrototypeFacts

GateOutcome = Literal["passed", "undecided", "failed"]


@dataclass(frozen=True)
class ParityLimits:
    """The limits of an artifact, each 0..1.

    max_drop: of accuracy below the Keras model's. max_class_drop: the same in any one class.
    min_agreement: part of the images with the same top-1 label.
    max_auroc_drop: of the similarities' mean AUROC below that of the Keras model (see
        `workstation.similarity.measure`).
    strict: refuse also what too few images leave undecided.
    allow_poor_model: do not refuse a Keras model that is no better than luck (see
        `export.parity.baseline`).
    """

    max_drop: float = 0.01
    min_agreement: float = 0.95
    max_class_drop: float = 1.0
    max_auroc_drop: float = 0.01
    strict: bool = False
    allow_poor_model: bool = False

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value <= 1:
                flag = f"--{name.replace('_', '-')}"
                raise InputRefused(flag, f"expected a fraction from 0 to 1, found {value}")


@dataclass(frozen=True)
class GateResult:
    """The outcome: failed for `reasons`, else undecided for `doubts`, else passed."""

    outcome: GateOutcome
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]

    def with_reasons(self, reasons: Iterable[str]) -> "GateResult":
        """Returns the verdict with more reasons, failed if there are any."""
        every = (*self.reasons, *reasons)
        return replace(self, outcome="failed" if every else self.outcome, reasons=every)


class ParityResult(NamedTuple):
    """The comparison of a model file on the test images, and its fitted confidence.

    reference_scores, scores: of the Keras model and of the file, (n, classes) float32, in the
        order of the images.
    similarity: what was measured of the similarities; None if the file has none.
    classes: what goes wrong in each class, the worst first.
    """

    parity: ParityReport
    confidence: Confidence
    reference_scores: NDArray[np.float32]
    scores: NDArray[np.float32]
    similarity: SimilarityRecord | None = None
    classes: tuple[ClassFinding, ...] = ()


def compare_on_test_split(
    run: TrainedRun,
    reference: ReferenceOutputs,
    files: Sequence[Path],
    prototypes: Mapping[str, PrototypeFacts],
    keep: float,
) -> dict[str, ParityResult]:
    """Compares each model file with the Keras model on the whole test split, by file name.

    Raises:
        CheckFailed: a model answers NaN.
        InputRefused: a test image is gone or changed.
    """
    images = run.split("test")
    expected, outputs = score_all(run, images, reference, files)
    labels = run.manifest.labels
    truth = np.array([labels.index(image.label) for image in images])
    names = [image.path for image in images]
    groups = [image.group for image in images]
    training_images = Counter(image.label for image in run.images if image.split == "train")
    results = {}
    for file, of_file in outputs.items():
        confidence = fit_confidence(of_file.scores, truth, of_file.similarities, groups, keep)
        unknown = np.zeros(len(truth), bool)
        if of_file.similarities is not None and confidence.min_similarity is not None:
            unknown = of_file.similarities.max(1) < confidence.min_similarity
        answers = of_file.scores.argmax(1)
        results[file] = ParityResult(
            parity=compare(names, truth, expected.scores, of_file.scores, labels, groups),
            confidence=confidence,
            reference_scores=expected.scores,
            scores=of_file.scores,
            similarity=_measure_similarity(
                expected, of_file, truth, labels, keep, prototypes.get(file)
            ),
            classes=find_per_class(truth, answers, unknown, labels, training_images),
        )
    return results


def _measure_similarity(
    expected: Outputs,
    of_file: Outputs,
    truth: NDArray[np.integer[Any]],
    labels: Sequence[str],
    keep: float,
    facts: PrototypeFacts | None,
) -> SimilarityRecord | None:
    if of_file.similarities is None or facts is None:
        return None
    rows = leave_classes_out(of_file.similarities, truth, labels, keep)
    keras_auroc = None
    if expected.similarities is not None:
        keras_auroc = mean_auroc(leave_classes_out(expected.similarities, truth, labels, keep))
    known = select_known(of_file.similarities)
    return SimilarityRecord(rows, mean_auroc(rows), keras_auroc, facts.looks, facts.images, known)


def judge_similarity(record: SimilarityRecord | None, limits: ParityLimits) -> Iterator[str]:
    """Yields the reason to refuse a file whose similarities tell strangers from known images worse.

    The limit does not count where a single pair of images could break it.
    """
    if record is None or record.auroc is None or record.keras_auroc is None:
        return
    drop = record.keras_auroc - record.auroc
    fewest = min(row.images for row in record.left_out_classes)
    if drop > limits.max_auroc_drop and drop > 1 / (len(record.left_out_classes) * fewest):
        yield (
            f"the AUROC of its similarities fell by {drop:.4f} from {record.keras_auroc:.4f};"
            f" at most {limits.max_auroc_drop} is allowed"
        )


def require_deciding(limits: ParityLimits, images: int, run: str) -> None:
    """Refuses a strict gate that so few test images cannot pass, even if no label changes.

    Raises:
        CheckFailed: there are too few test images.
    """
    needed = images_to_decide(limits.max_drop)
    if limits.strict and (needed is None or images < needed):
        enough = f"at least {needed} are needed" if needed else "no number is enough"
        raise CheckFailed(
            run, f"{_too_few(counted(images, 'image'), limits.max_drop)}; {enough} (--strict)"
        )


def apply_limits(parity: ParityFigures, limits: ParityLimits) -> GateResult:
    """Returns whether a comparison keeps to the limits, and why not."""
    reasons: list[str] = []
    doubts: list[str] = []
    interval = f"95 % interval {parity.drop_low:+.4f} to {parity.drop_high:+.4f}"
    if parity.drop > limits.max_drop:
        reasons.append(
            f"accuracy fell by {parity.drop:.4f} from {parity.reference_accuracy:.4f} ({interval});"
            f" at most {limits.max_drop} is allowed"
        )
    elif parity.drop_high > limits.max_drop:
        needed = images_to_decide(limits.max_drop)
        more = f"; at least {needed} are needed" if needed and parity.images < needed else ""
        doubt = f"{_too_few(parity.sample, limits.max_drop)} ({interval}{more})"
        (reasons if limits.strict else doubts).append(doubt)
    if parity.worst_class_drop > limits.max_class_drop:
        reasons.append(
            f"class '{parity.worst_class}' lost {parity.worst_class_drop:.4f} of its accuracy;"
            f" at most {limits.max_class_drop} is allowed"
        )
    if parity.agreement < limits.min_agreement:
        reasons.append(
            f"only {parity.agreement:.4f} of the top-1 labels are the same;"
            f" at least {limits.min_agreement} is required"
        )
    if parity.constant and not limits.allow_poor_model:  # the Keras model may be so, too
        reasons.append("the file gives the same scores for every image")
    if reasons:
        return GateResult("failed", tuple(reasons), tuple(doubts))
    return GateResult("undecided" if doubts else "passed", (), tuple(doubts))


def _too_few(sample: str, max_drop: float) -> str:
    return f"{sample} for testing: too few to decide whether the drop is at most {max_drop}"
