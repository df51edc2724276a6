"""Renders the README.md of a bundle whose model file was adopted: what was measured of it."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from export.inputs.trained_run import TrainedRun
from export.report.model_card import MAX_LABELS, markdown_text, yaml_text
from export.report.wording import milliseconds
from runtime.shared.statistics import counted_images
from runtime.shared.wording import counted


def adopted_card(run: TrainedRun, result: Any, fewest: int) -> str:
    """Returns the text of the card.

    Args:
        run: the file and its images.
        result: an `export.adoption.Adoption`.
        fewest: images of the rarest class.
    """
    environment = Environment(
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "yaml": yaml_text,
        "markdown": markdown_text,
        "milliseconds": milliseconds,
        "counted": counted,
    }
    template = (files("export.report") / "adopted_card.md.j2").read_text("utf-8")
    return environment.from_string(template).render(
        manifest=run.manifest,
        result=result,
        sample=counted_images(result.images, result.objects),
        fewest=fewest,
        max_labels=MAX_LABELS,
    )
