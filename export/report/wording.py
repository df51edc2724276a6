"""Words and figures that the report, the model card and the command line share."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from export.inputs.trained_run import KERAS
from export.parity.artifact_record import ArtifactRecord
from export.parity.confidence_fit import MIN_WRONG
from runtime.models.confidence import Confidence
from runtime.shared.parity import ParityReport
from runtime.shared.wording import counted
from workstation.similarity.measure import SimilarityRecord

Part = TypeVar("Part")

OUTCOMES = {"passed": "passed", "undecided": "undecided", "failed": "refused"}
"""The words for the outcomes in parity.json."""


def one_line_verdict(record: ArtifactRecord) -> str:
    """Returns outcome, drop with its upper limit, size and latency in one line."""
    size = f"{record.size_bytes / 1e6:.2f} MB"
    latency = f"{milliseconds(record.latency.p50_ms)} an image here"
    drop = drop_in_points(record.parity, record.reference)
    return f"{OUTCOMES[record.outcome]}: {drop}, {size}, {latency}"


def drop_in_points(parity: ParityReport, reference: str = KERAS) -> str:
    """Returns the drop in points of accuracy (hundredths) and the upper end of its interval."""
    drop, most = 100 * parity.drop, 100 * parity.drop_high
    level = f"the same accuracy as {reference}"
    if abs(drop) >= 0.005:
        level = f"{abs(drop):.2f} points {'below' if drop > 0 else 'above'} {reference}"
    limit = f"at most {most:.2f} below" if most >= 0 else f"at least {-most:.2f} above"
    return f"{level}, {limit} (95 %)"


def milliseconds(value: float) -> str:
    """Returns the time with three digits: "5.23 ms", "52.3 ms", "523 ms"."""
    digits = 0
    if value < 10:
        digits = 2
    elif value < 100:
        digits = 1
    return f"{value:.{digits}f} ms"


def no_threshold_reason(images: int, accuracy: float) -> str:
    """Returns why a file without a threshold for "unknown" has none."""
    right = round(accuracy * images)
    wrong = images - right
    if not right:
        return f"none of the {counted(images, 'answer')} is right, so there is none to keep"
    if wrong < MIN_WRONG:
        return f"{wrong} of {counted(images, 'answer')} are wrong, and a fit needs {MIN_WRONG}"
    return "only a threshold of 0 keeps 95 of 100 right answers"


def unknown_sentences(record: ArtifactRecord) -> list[str]:
    """Returns what a file calls unknown and unsure, and what was measured of it, in sentences."""
    confidence, similarity = record.confidence, record.similarity_figures
    if confidence.min_similarity is None:
        if not confidence.min_score:
            reason = no_threshold_reason(record.parity.images, record.parity.candidate_accuracy)
            return [f"nothing is called unknown: {reason}"]
        return [score_sentence("unknown", confidence)]
    first = f"unknown below a similarity of {confidence.min_similarity:.3f}"
    if confidence.known_kept is not None:
        low, high = confidence.known_kept_low, confidence.known_kept_high
        first += (
            f": kept {confidence.known_kept:.1%} of known images on objects left out of the fit"
            f" (95 % interval {low:.1%} to {high:.1%})"
        )
    if similarity and similarity.one_class:
        return [first, _bad_parts(similarity)]
    sentences = [first]
    if similarity and similarity.auroc is not None:
        sentences.append(
            f"a class left out: AUROC {similarity.auroc:.3f}, {similarity.stopped:.1%} of its"
            f" images stopped (means of {len(similarity.left_out_classes)} classes)"
        )
    return [*sentences, score_sentence("unsure", confidence)]


def score_sentence(verdict: str, confidence: Confidence) -> str:
    """Returns below which score an answer is called unsure or unknown, and what that stops."""
    return (
        f"{verdict} below a score of {confidence.min_score:.3f}: keeps {confidence.right_kept:.1%}"
        f" of right, stops {confidence.wrong_refused:.1%} of wrong answers"
    )


def _bad_parts(similarity: SimilarityRecord) -> str:
    """Returns what a file of one class does with bad parts."""
    if similarity.auroc is None:
        return "no bad parts among the test images: how many are stopped is not known"
    images = sum(row.images for row in similarity.left_out_classes)
    stopped = sum(row.images * row.stopped for row in similarity.left_out_classes)
    keras = "" if similarity.keras_auroc is None else f", Keras {similarity.keras_auroc:.3f}"
    return (
        f"bad parts: stopped {stopped / images:.1%} of {counted(images, 'image')}, AUROC"
        f" {similarity.auroc:.3f}{keras}"
    )


def short_name(file: str) -> str:
    """Returns the name of a model file without the "model." that all of them begin with."""
    return file.removeprefix("model.")


def grouped(
    records: Mapping[str, ArtifactRecord], part: Callable[[ArtifactRecord], Part]
) -> list[tuple[list[str], Part]]:
    """Groups the model files whose records are equal in one part; returns each group's part."""
    groups: list[tuple[list[str], Part]] = []
    for file, record in records.items():
        value = part(record)
        for group, group_value in groups:
            if group_value == value:
                group.append(file)
                break
        else:
            groups.append(([file], value))
    return groups
