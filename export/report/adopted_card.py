"""Renders the README.md of a bundle whose model file was adopted: what was measured of it."""

from typing import Any

from export.inputs.trained_run import TrainedRun
from export.report.model_card import MAX_LABELS, card_template
from runtime.shared.statistics import counted_images


def adopted_card(run: TrainedRun, result: Any, fewest: int) -> str:
    """Returns the text of the card.

    Args:
        run: the file and its images.
        result: an `export.adoption.Adoption`.
        fewest: images of the rarest class.
    """
    return card_template("adopted_card.md.j2").render(
        manifest=run.manifest,
        result=result,
        sample=counted_images(result.images, result.objects),
        fewest=fewest,
        max_labels=MAX_LABELS,
    )
