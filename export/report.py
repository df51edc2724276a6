"""report.html: what was measured of each artifact, on one page that needs no other file; the same bytes for the same records."""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from export.calibration_file import Sets, users
from export.flipped import flipped_pictures
from export.plots import drop_axis, scatter
from export.thumbnails import thumbnails
from export.trained import Run
from export.wording import OUTCOMES, milliseconds, short, verdict
from runtime.page import head
from runtime.run_folder import Picture

MOST_FLIPS, FLIP_SIDE = 48, 128
MOST_LAYERS = 20
SHEET_PICTURES, SHEET_CLASSES, SHEET_SIDE = 4, 24, 64
"""Of the calibration sheet: pictures of a class, classes, and pixels of a picture's side."""


def render(run: Run, records: Mapping[str, Mapping[str, Any]], sets: Sets) -> str:
    """The page. `records` maps a model file's name to what parity.json says of it, `sets` is what calibration.json holds."""
    pictures = {picture.path: picture for picture in run.pictures}
    flipped = flipped_pictures(records)
    shown = [pictures[one.picture] for one in flipped[:MOST_FLIPS] if one.picture in pictures]
    sheets = [(users(key, records), one, list(_sheet(one, pictures))) for key, one in sorted(sets.items()) if users(key, records)]
    sampled = {picture.path: picture for _, _, sheet in sheets for _, _, row in sheet for picture in row}
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"short": short, "milliseconds": milliseconds, "points": lambda fraction: f"{100 * fraction:+.2f}"}
    template = environment.from_string((files("export") / "report.html.j2").read_text("utf-8"))
    return template.render(
        head=head(f"{run.manifest.name} – export report"),
        manifest=run.manifest,
        records=records,
        outcomes=OUTCOMES,
        verdicts={file: verdict(record) for file, record in records.items()},
        axis=drop_axis(list(records.values())),
        flipped=flipped,
        most_flips=MOST_FLIPS,
        thumbnails=thumbnails(run, shown, FLIP_SIDE),
        scatters={file: scatter(record["parity"]["true_scores"]) for file, record in records.items()},
        most_layers=MOST_LAYERS,
        sheets=sheets,
        most_classes=SHEET_CLASSES,
        small=thumbnails(run, sampled.values(), SHEET_SIDE),
        limits=_by(records, "limits"),
        commands=_by(records, "command"),
        versions=_by(records, "versions"),
    )


def _sheet(one: Mapping[str, Any], pictures: Mapping[str, Picture]) -> Iterator[tuple[str, int, list[Picture]]]:
    """Label, count and the first pictures of each class, for the first classes of a calibration set."""
    for label, count in list(one["classes"].items())[:SHEET_CLASSES]:
        paths = [picture["path"] for picture in one["pictures"] if picture["label"] == label]
        yield label, count, [pictures[path] for path in paths if path in pictures][:SHEET_PICTURES]


def _by(records: Mapping[str, Mapping[str, Any]], part: str) -> list[tuple[list[str], Any]]:
    """The model files whose records have the same in `part`, and that."""
    found: dict[str, tuple[list[str], Any]] = {}
    for file, record in records.items():
        found.setdefault(json.dumps(record[part]), ([], record[part]))[0].append(file)
    return list(found.values())
