"""report.html: how good the classifier is, where it fails and what it learned from, on one page that needs no other file."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
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
from runtime.run_folder import Picture
from train.augmented import Augmented, augmented_sheet
from train.cache import PixelCache
from train.curves import HEIGHT, WIDTH, Curves, read_curves
from train.data import DataSet
from train.judged import PREDICTIONS, Judged, read_judged
from train.matrix import matrix
from train.options import TrainOptions
from train.scorecard import confident_mistakes, confusion_matrix, score

REPORT = "report.html"
MOST_MISTAKES, MISTAKE_SIDE = 24, 128
MOST_CONFUSIONS, MOST_CLASSES, MOST_REFUSED = 12, 25, 50
"""Rows of their tables that are shown at once."""


@dataclass(frozen=True)
class Training:
    """What only a training has. counts: by class and split; options and results: by name."""

    results: Mapping[str, Any]
    options: Mapping[str, Any]
    curves: Sequence[Curves]
    augmented: Sequence[Augmented]
    counts: Mapping[str, Mapping[str, int]]
    refused: Sequence[Picture]


Look = Callable[[Judged], NDArray[np.uint8]]
"""The (height, width, 3) uint8 RGB pixels of a picture, or InputRefused where it is gone."""


def write_report(run: Path, data: DataSet, cache: PixelCache, options: TrainOptions, manifest: Manifest, notes: Sequence[str]) -> None:
    """Writes report.html into a run folder that has all its other files; `notes` are the findings on the data's health."""
    used = Counter((picture.label, picture.split) for picture in data.pictures)
    page = render(
        manifest,
        read_judged(run / PREDICTIONS),
        lambda one: cache.read([one.sha256])[0],
        command=str(manifest.provenance["command"]),
        packages=manifest.provenance["versions"],
        health=list(notes),
        training=Training(
            results=manifest.provenance["results"],
            options=asdict(options),
            curves=read_curves(run),
            augmented=augmented_sheet(data, cache, options),
            counts={label: {split: used[label, split] for split in ("train", "val", "test")} for label in data.labels},
            refused=data.split("refused"),
        ),
    )
    write_file(run / REPORT, page)


def render(
    manifest: Manifest,
    judged: Sequence[Judged],
    look: Look,
    *,
    command: str,
    packages: Mapping[str, str],
    health: Sequence[str],
    training: Training | None = None,
    tested_on: str = "",
) -> bytes:
    """The page, as UTF-8: of a training, or without one of pictures from elsewhere, which `tested_on` names."""
    labels = manifest.labels
    card = score(labels, judged)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "part": part}
    template = environment.from_string((files("train") / "report.html.j2").read_text("utf-8"))
    page = template.render(
        head=head(f"{manifest.name} – {'training report' if training else 'evaluation'}"),
        manifest=manifest,
        tested_on=tested_on,
        card=card,
        classes=card.worst_first(),
        most_classes=MOST_CLASSES,
        wrong=sum(not one.right for one in judged),
        mistakes=[(one, _thumbnail(one, look)) for one in confident_mistakes(judged, MOST_MISTAKES)],
        matrix=matrix(labels, confusion_matrix(labels, judged)),
        confusions=card.confusions[:MOST_CONFUSIONS],
        totals={one.label: one.pictures for one in card.classes},
        training=training,
        plot=(WIDTH, HEIGHT),
        health=health,
        most_refused=MOST_REFUSED,
        command=command,
        packages=packages,
    )
    return page.encode("utf-8", "backslashreplace")


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
