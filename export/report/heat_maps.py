"""Makes the heat maps of the report: where an image speaks for the answer of a model file."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from export.inputs.trained_run import TrainedRun
from export.report.flipped_images import FlippedImage
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.explanation.explainer import Explainer
from runtime.explanation.picture import overlay
from runtime.images.preprocessing import preprocess
from runtime.shared.html_page import image_data_url

THUMBNAIL = 64
"""Pixels of the side of a training image."""
MAX_OCCLUSION_MAPS = 8
"""A map of a file without a linear head takes 82 runs of the model."""


class ShownMap(NamedTuple):
    """Holds a heat map, and the nearest training images: class, similarity and image of each.

    Images are JPEGs as data: URLs.
    """

    url: str
    nearest: tuple[tuple[str, float, str], ...] = ()


def heat_maps(
    run: TrainedRun,
    flipped: Sequence[FlippedImage],
    models: Mapping[str, Path | Classifier],
    side: int,
) -> dict[str, ShownMap]:
    """Returns a map of at most `side` pixels by image path; a gone or changed image has none.

    The map is that of the first answer of an image.

    Args:
        run: has the images.
        flipped: those that the report shows.
        models: the model files, or opened ones, by the names that the answers state.
        side: pixels.
    """

    @cache
    def open_explainer(file: str) -> Explainer:
        model = models[file]
        opened = model if isinstance(model, Classifier) else Classifier(model, checked=True)
        return Explainer(opened)

    labels, preprocessing = run.manifest.labels, run.manifest.preprocessing
    images = {image.path: image for image in run.images}
    urls: dict[str, ShownMap] = {}
    slow = 0
    for flip in flipped:
        answer = flip.answers[0]
        label = labels[0] if run.is_one_class else answer.label
        if answer.file not in models or flip.image not in images or label not in labels:
            continue
        explainer = open_explainer(answer.file)
        slow += explainer.head is None
        if slow > MAX_OCCLUSION_MAPS and explainer.head is None:
            continue
        try:
            pixels = preprocess(run.read(images[flip.image]), preprocessing)
        except InputRefused:
            continue
        explanation = explainer.explain(pixels, labels.index(label))
        nearest = tuple(
            (example.label, similarity, image_data_url(thumbnail, THUMBNAIL))
            for example, similarity, thumbnail in explanation.nearest
        )
        urls[flip.image] = ShownMap(image_data_url(overlay(pixels, explanation.map), side), nearest)
    return urls
