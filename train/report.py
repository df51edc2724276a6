"""report.html: how good the classifier is, where it fails and what it learned from, on one page that needs no other file."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray

from runtime.atomic import write_file
from runtime.errors import InputRefused
from runtime.manifest import Manifest
from runtime.page import head, picture_url
from train.augmented import augmented_sheet
from train.cache import PixelCache
from train.curves import HEIGHT, WIDTH, read_curves
from train.data import DataSet
from train.judged import PREDICTIONS, Judged, read_judged
from train.matrix import matrix
from train.options import TrainOptions
from train.scorecard import confident_mistakes, confusion_matrix, score

REPORT = "report.html"
MOST_MISTAKES, MISTAKE_SIDE = 24, 128
MOST_CONFUSIONS, MOST_CLASSES, MOST_REFUSED = 12, 25, 50
"""Rows of their tables that are shown at once."""

Look = Callable[[Judged], NDArray[np.uint8]]
"""The (height, width, 3) uint8 RGB pixels of a picture, or InputRefused where it is gone."""


def write_report(run: Path, data: DataSet, cache: PixelCache, options: TrainOptions, manifest: Manifest, notes: Sequence[str] = ()) -> None:
    """Writes report.html into a run folder that has all its other files; `notes` are further sentences on the data's health."""
    used = Counter((picture.label, picture.split) for picture in data.pictures)
    page = render(
        manifest,
        read_judged(run / PREDICTIONS),
        lambda one: cache.read([one.sha256])[0],
        curves=read_curves(run),
        augmented=augmented_sheet(data, cache, options),
        health=[*notes, *data.warnings()],
        counts={label: {split: used[label, split] for split in ("train", "val", "test", "refused")} for label in data.labels},
        refused=data.split("refused"),
        options=asdict(options),
    )
    write_file(run / REPORT, page.encode("utf-8", "backslashreplace"))


def render(
    manifest: Manifest,
    judged: Sequence[Judged],
    look: Look,
    *,
    tested_on: str = "",
    curves: Sequence[Any] = (),
    augmented: Sequence[Any] = (),
    health: Sequence[str] = (),
    counts: Mapping[str, Mapping[str, int]] | None = None,
    refused: Sequence[Any] = (),
    options: Mapping[str, Any] | None = None,
) -> str:
    """The page on a run's own test pictures, or with only what is known of pictures from elsewhere, which `tested_on` names."""
    labels = manifest.labels
    card = score(labels, judged)
    mistakes = confident_mistakes(judged, MOST_MISTAKES)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "part": part}
    template = environment.from_string((files("train") / "report.html.j2").read_text("utf-8"))
    return template.render(
        head=head(f"{manifest.name} – {'evaluation' if tested_on else 'training report'}"),
        manifest=manifest,
        tested_on=tested_on,
        card=card,
        classes=card.worst_first(),
        most_classes=MOST_CLASSES,
        wrong=sum(not one.right for one in judged),
        mistakes=[(one, _thumbnail(one, look)) for one in mistakes],
        matrix=matrix(labels, confusion_matrix(labels, judged)),
        confusions=card.confusions[:MOST_CONFUSIONS],
        totals={one.label: one.pictures for one in card.classes},
        curves=curves,
        plot=(WIDTH, HEIGHT),
        augmented=augmented,
        health=health,
        counts=counts,
        refused=refused,
        most_refused=MOST_REFUSED,
        options=options,
    )


def percent(share: float | None) -> str:
    """ "93.8 %", or a dash for None."""
    return "–" if share is None else f"{100 * share:.1f} %"


def part(share: float | None) -> str:
    """ "0.938", or a dash for None."""
    return "–" if share is None else f"{share:.3f}"


def _thumbnail(one: Judged, look: Look) -> str | None:
    try:
        return picture_url(look(one), MISTAKE_SIDE)
    except InputRefused:
        return None
