"""Renders report.html and README.md of a bundle whose model file was adopted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.inputs.trained_run import TrainedRun
from export.parity.class_findings import find_per_class
from export.report.flipped_images import FlippedAnswer, FlippedImage
from export.report.heat_maps import heat_maps
from export.report.model_card import MAX_LABELS, card_template
from export.report.next_steps import next_steps
from export.report.report import FLIP_SIDE, MAX_FLIPS, report_template
from export.report.thumbnails import thumbnails
from export.report.wording import no_threshold_reason, score_sentence
from runtime.classifier import Classifier
from runtime.shared.html_page import html_head
from runtime.shared.statistics import counted_images


def adopted_report(
    run: TrainedRun, result: Any, scores: NDArray[np.float32], classifier: Classifier
) -> str:
    """Returns the page, which reads as that of an exported file as far as both have the same.

    Args:
        run: the file and its images.
        result: an `export.adoption.Adoption`.
        scores: (images, classes) of the file.
        classifier: the opened file, for heat maps.
    """
    images, labels = run.split("test"), run.manifest.labels
    truth = np.array([labels.index(image.label) for image in images])
    answers, best = scores.argmax(1), scores.max(1)
    wrong = sorted(np.flatnonzero(answers != truth), key=lambda index: -best[index])
    mistakes = [
        FlippedImage(
            images[index].path,
            images[index].label,
            "",
            0.0,
            (FlippedAnswer(result.artifact, labels[answers[index]], float(best[index])),),
        )
        for index in wrong
    ]
    findings = find_per_class(truth, answers, np.zeros(len(truth), bool), labels, {})
    reason = no_threshold_reason(result.images, result.accuracy)
    unknown = f"Nothing is called unknown: {reason}"
    if result.confidence.min_score:
        unknown = score_sentence("Unknown", result.confidence)
    opened = {result.artifact: classifier}
    return report_template("adopted_report.html.j2").render(
        head=html_head(f"{run.manifest.name} – report"),
        manifest=run.manifest,
        result=result,
        sample=counted_images(result.images, result.objects),
        findings=findings,
        steps=next_steps(findings, result.confidence.keep),
        unknown=unknown,
        mistakes=mistakes,
        max_cards=MAX_FLIPS,
        thumbnails=thumbnails(run, [images[index] for index in wrong[:MAX_FLIPS]], FLIP_SIDE),
        heat_maps=heat_maps(run, mistakes[:MAX_FLIPS], opened, FLIP_SIDE),
    )


def adopted_card(run: TrainedRun, result: Any, fewest: int) -> str:
    """Returns the text of README.md; `fewest` are the images of the rarest class."""
    return card_template("adopted_card.md.j2").render(
        manifest=run.manifest,
        result=result,
        sample=counted_images(result.images, result.objects),
        fewest=fewest,
        max_labels=MAX_LABELS,
    )
