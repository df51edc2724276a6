"""Writes report.html: how good the classifier is, where it fails, and what it was trained on.

The page needs no other file.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused
from runtime.models.manifest import Manifest
from runtime.shared.html_page import html_head, image_data_url
from runtime.shared.statistics import counted_images
from runtime.system.atomic_files import write_file
from train.evaluation.metrics import compute_metrics, confident_mistakes, confusion_matrix
from train.evaluation.predictions import PREDICTIONS, LabelledPrediction, read_predictions
from train.fitting.training_context import TrainingContext
from train.report.augmentation_preview import AugmentationPreview, augmentation_preview
from train.report.confusion_matrix import confusion_table
from train.report.history_plot import history_curves
from workstation.page_template import load_template
from workstation.run_folder import ImageRecord

REPORT = "report.html"
MAX_MISTAKES, MISTAKE_SIDE_PX = 24, 128
MAX_CONFUSIONS, MAX_CLASSES, MAX_REFUSED = 12, 25, 50
"""Rows of these tables that are shown at once."""


@dataclass(frozen=True)
class TrainingSection:
    """Holds what only the report of a training shows, and not that of an evaluation.

    results, options: by name, as in the manifest.
    curves: an SVG element for each metric.
    counts: the number of images by class and split.
    """

    results: Mapping[str, Any]
    options: Mapping[str, Any]
    curves: Mapping[str, str]
    augmented: Sequence[AugmentationPreview]
    counts: Mapping[str, Mapping[str, int]]
    refused: Sequence[ImageRecord]


PixelReader = Callable[[LabelledPrediction], NDArray[np.uint8]]
"""Returns the (height, width, 3) uint8 RGB pixels of an image; InputRefused if it is gone."""


def write_report(
    run: Path, context: TrainingContext, manifest: Manifest, findings: Sequence[str]
) -> None:
    """Writes report.html into a run folder that has all its other files.

    `findings` are sentences about the quality of the data.
    """
    data, pixels = context.data, context.pixels
    results = manifest.provenance["results"]
    used = Counter((image.label, image.split) for image in data.images)
    page = render(
        manifest,
        read_predictions(run / PREDICTIONS),
        lambda image: pixels.read([image.sha256])[0],
        command=str(manifest.provenance["command"]),
        packages=manifest.provenance["versions"],
        findings=findings,
        training=TrainingSection(
            results=results,
            options=asdict(context.options),
            curves=history_curves(run),
            augmented=augmentation_preview(data, pixels, context.options, results["augmentation"]),
            counts={
                label: {split: used[label, split] for split in ("train", "val", "test")}
                for label in data.labels
            },
            refused=data.split("refused"),
        ),
    )
    write_file(run / REPORT, page)


def render(
    manifest: Manifest,
    predictions: Sequence[LabelledPrediction],
    read_pixels: PixelReader,
    *,
    command: str,
    packages: Mapping[str, str],
    findings: Sequence[str],
    training: TrainingSection | None = None,
    tested_on: str = "",
) -> bytes:
    """Returns the page as UTF-8: of a training, or of an evaluation on the images `tested_on`."""
    labels = manifest.labels
    metrics = compute_metrics(labels, predictions)
    template = load_template("train.report", "report.html.j2")
    mistakes = confident_mistakes(predictions, MAX_MISTAKES)
    page = template.render(
        head=html_head(f"{manifest.name} – {'training report' if training else 'evaluation'}"),
        manifest=manifest,
        tested_on=tested_on,
        metrics=metrics,
        sample=counted_images(metrics.images, metrics.objects),
        classes=metrics.worst_first(),
        max_classes=MAX_CLASSES,
        wrong=sum(not prediction.correct for prediction in predictions),
        mistakes=[(mistake, _thumbnail(mistake, read_pixels)) for mistake in mistakes],
        matrix=confusion_table(labels, confusion_matrix(labels, predictions)),
        confusions=metrics.confusions[:MAX_CONFUSIONS],
        images_by_class={score.label: score.images for score in metrics.class_scores},
        training=training,
        findings=findings,
        max_refused=MAX_REFUSED,
        command=command,
        packages=packages,
    )
    return page.encode("utf-8", "backslashreplace")


def _thumbnail(prediction: LabelledPrediction, read_pixels: PixelReader) -> str | None:
    try:
        return image_data_url(read_pixels(prediction), MISTAKE_SIDE_PX)
    except InputRefused:
        return None
