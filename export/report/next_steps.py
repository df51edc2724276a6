"""Says for each class what would help most, each with the measurement that it follows from."""

from collections.abc import Sequence
from statistics import median

from export.parity.class_findings import ClassFinding
from runtime.shared.wording import counted
from workstation.similarity.measure import LeftOutClass

MAX_STEPS = 8
"""The classes with most mistakes come first; the page shows so many."""
MIN_OVERLAP = 2
"""Fewer images that are taken for one class may be chance."""
MAX_NEAR, MAX_LISTED = 3, 3
"""The classes that strangers are taken for, and the left-out classes that a sentence lists."""
MAX_UNKNOWN = 2
"""A class is called unknown too often from this multiple of the share that --keep gives up."""


def next_steps(
    findings: Sequence[ClassFinding], keep: float, left_out: Sequence[LeftOutClass] = ()
) -> list[str]:
    """Returns a sentence for each class that something can be done for, the worst class first.

    Those on what lands near a class come last.

    Args:
        findings: of one model file, in order of their mistakes.
        keep: the fraction of known images, 0..1, that the threshold of "unknown" keeps.
        left_out: what was measured of that file with each class left out.
    """
    trained_on = [finding.training_images for finding in findings if finding.training_images]
    usual = int(median(trained_on)) if trained_on else 0
    by_label = {finding.label: finding for finding in findings}
    steps: list[str] = []
    paired: set[frozenset[str]] = set()
    for finding in findings:
        pair = frozenset((finding.label, finding.taken_for))
        if pair in paired:
            continue
        step = _overlap(finding, by_label.get(finding.taken_for))
        if step:
            paired.add(pair)
        else:
            step = _more_images(finding, usual) or _too_unknown(finding, keep)
        if step:
            steps.append(step)
    return [*steps[:MAX_STEPS], *_strangers_near(left_out)]


def _strangers_near(left_out: Sequence[LeftOutClass]) -> list[str]:
    """Returns a sentence for each class that takes most of another one that was left out."""
    taken: dict[str, list[LeftOutClass]] = {}
    for row in left_out:
        if row.near_images >= max(MIN_OVERLAP, row.images / 2):
            taken.setdefault(row.near, []).append(row)
    most_first = sorted(taken.items(), key=lambda item: -sum(row.near_images for row in item[1]))
    sentences = []
    for near, rows in most_first[:MAX_NEAR]:
        rows = sorted(rows, key=lambda row: -row.near_images)
        listed = ", ".join(
            f"{row.near_images} of {counted(row.images, 'test image')} of {row.label}"
            for row in rows[:MAX_LISTED]
        )
        more = f" and of {len(rows) - MAX_LISTED} more" if len(rows) > MAX_LISTED else ""
        sentences.append(
            f"strangers, images of no class, are taken for {near}: {listed}{more}, when that class"
            f" is left out. If the camera will see other things like {near}, add images of them as"
            " a class of their own"
        )
    return sentences


def _overlap(finding: ClassFinding, other: ClassFinding | None) -> str:
    wrong = finding.images - finding.right
    count = finding.taken_for_images
    if count < MIN_OVERLAP or 2 * count < wrong:
        return ""
    back = ""
    if other and other.taken_for == finding.label:
        back = f", and {other.taken_for_images} of {other.label} for {finding.label}"
    return (
        f"{finding.label} and {finding.taken_for} overlap: {count} of"
        f" {counted(finding.images, 'test image')} of {finding.label} are taken for"
        f" {finding.taken_for}{back}. Check their labels (train check --report), add images that"
        " show the difference, or make them one class"
    )


def _more_images(finding: ClassFinding, usual: int) -> str:
    wrong = finding.images - finding.right
    if wrong < MIN_OVERLAP:
        return ""
    trained = ""
    if finding.training_images:
        trained = (
            f"; it has {counted(finding.training_images, 'training image')}, and the median class"
            f" has {usual}"
        )
    return (
        f"more images of {finding.label}: {finding.right} of"
        f" {counted(finding.images, 'test image')} are right, and the mistakes go to several"
        f" classes{trained}"
    )


def _too_unknown(finding: ClassFinding, keep: float) -> str:
    if (
        finding.unknown_images < MIN_OVERLAP
        or finding.unknown_images <= MAX_UNKNOWN * (1 - keep) * finding.images
    ):
        return ""
    return (
        f"other looks of {finding.label}: {finding.unknown_images} of"
        f" {counted(finding.images, 'test image')} are called unknown, so its training images do"
        " not show all that it looks like"
    )
