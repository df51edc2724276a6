"""Compares new model files with the bundle in use on the same held-out images, for `--against`."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.inputs.trained_run import TrainedRun
from export.parity.artifact_record import AgainstBundle
from export.parity.gate import GateResult, ParityLimits, apply_limits
from export.quantization.calibration_record import read_sets
from runtime.bundles.bundle import Bundle
from runtime.classifier import Classifier
from runtime.deployment.replacement_check import identities
from runtime.errors import InputRefused
from runtime.shared.parity import ParityFigures, compare
from runtime.shared.scoring import score_images

Scores = NDArray[np.float32]


def open_old(path: Path, run: TrainedRun) -> Bundle:
    """Opens the old bundle before the long work.

    Raises:
        InputRefused: it is no bundle, or the test images have none of its classes.
    """
    old = Bundle.open(path)
    old.exported()
    if run.is_one_class or len(old.manifest.labels) == 1:
        raise InputRefused(
            "--against", "expected models of several classes, found one class; leave it out"
        )
    if not {image.label for image in run.split("test")} & set(old.manifest.labels):
        raise InputRefused(
            str(path), "knows none of the classes of the test images; check the path"
        )
    return old


def compare_with_old(
    path: Path, run: TrainedRun, new_scores: Mapping[str, Scores]
) -> dict[str, AgainstBundle]:
    """Compares each new file with the old bundle's file of that name, or the one that it prefers.

    Images of classes that the old bundle does not know are counted apart, because a class that is
    new would hide what was lost in the others.

    Args:
        path: of the old bundle.
        run: has the held-out images.
        new_scores: by model file, (n, classes) scores of the test images, in their order.

    Raises:
        InputRefused: as `open_old`, or an image is gone or changed.
        CheckFailed: the old bundle answers NaN.
    """
    old, images = open_old(path, run), run.split("test")
    names = {artifact.file for artifact in old.exported()}
    by_name = {
        file: Classifier(path, artifact=file if file in names else None, throughput=True)
        for file in new_scores
    }
    loaded = {classifier.file: classifier for classifier in by_name.values()}
    _, columns = score_images(list(loaded.values()), images, run.read)
    old_scores = dict(zip(loaded, columns, strict=True))
    old_labels = old.manifest.labels
    labels = tuple(dict.fromkeys((*run.manifest.labels, *old_labels)))
    truth = np.array([labels.index(image.label) for image in images])
    common = np.array([image.label in old_labels for image in images])
    seen = _training_images(path)
    results = {}
    for file, scores in new_scores.items():
        classifier = by_name[file]
        before = _in_columns(old_scores[classifier.file], old_labels, labels)
        after = _in_columns(scores, run.manifest.labels, labels)
        kept = [image for image, is_common in zip(images, common, strict=True) if is_common]
        report = compare(
            [image.path for image in kept],
            truth[common],
            before[common],
            after[common],
            labels,
            [image.group for image in kept],
        )
        right_before, right_after = (
            rows[common].argmax(1) == truth[common] for rows in (before, after)
        )
        right_on_new = int((after[~common].argmax(1) == truth[~common]).sum())
        results[file] = AgainstBundle(
            **{part.name: getattr(report, part.name) for part in fields(ParityFigures)},
            artifact=classifier.file.name,
            replaces=identities(old),
            better=int((right_after & ~right_before).sum()),
            worse=int((right_before & ~right_after).sum()),
            new_images=int((~common).sum()),
            new_right=right_on_new,
            seen=sum(image.sha256 in seen for image in kept),
        )
    return results


def _in_columns(scores: Scores, labels: tuple[str, ...], wanted: tuple[str, ...]) -> Scores:
    """Returns the scores in the order of the `wanted` labels; a class without scores has 0."""
    columns = np.zeros((len(scores), len(wanted)), np.float32)
    columns[:, [wanted.index(label) for label in labels]] = scores
    return columns


def _training_images(bundle: Path) -> set[str]:
    """Returns the hashes of those training images of a bundle that it lists."""
    with suppress(InputRefused, KeyError, TypeError):  # none, or one of an older version
        return {str(row["sha256"]) for part in read_sets(bundle).values() for row in part["images"]}
    return set()


def judge_against(
    gate_result: GateResult, record: AgainstBundle, limits: ParityLimits
) -> GateResult:
    """Returns the result with what speaks against replacing the old bundle."""
    found = apply_limits(record, replace(limits, min_agreement=0.0, allow_poor_model=True))
    old = f"against bundle {record.replaces[0]}"
    doubts = [f"{old}: {doubt}" for doubt in found.doubts]
    if record.seen:
        doubts.append(
            f"{old}: {record.seen} of these test images were training images of it, so it looks"
            " better than it is"
        )
    joined = gate_result.with_reasons(f"{old}: {reason}" for reason in found.reasons)
    outcome = "undecided" if doubts and joined.outcome == "passed" else joined.outcome
    return replace(joined, outcome=outcome, doubts=(*joined.doubts, *doubts))
