"""Renders report.html: everything measured, on one page that needs no other file."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Template
from markupsafe import Markup, escape

from export.inputs.trained_run import TrainedRun
from export.parity.artifact_record import ArtifactRecord
from export.quantization.calibration_record import CalibrationSets, calibrated_on
from export.report.flipped_images import flipped_images
from export.report.heat_maps import heat_maps
from export.report.layer_overlay import layer_overlay
from export.report.next_steps import next_steps
from export.report.plots import drop_plot, score_plot
from export.report.thumbnails import thumbnails
from export.report.wording import (
    OUTCOMES,
    grouped,
    milliseconds,
    one_line_verdict,
    short_name,
    unknown_sentences,
)
from runtime.shared.html_page import html_head
from workstation.page_template import load_template
from workstation.run_folder import ImageRecord

MAX_FLIPS, FLIP_SIDE = 48, 128
"""The most flipped images that are shown, and the pixels of an image's side."""
MAX_LAYERS = 20
SHEET_IMAGES, SHEET_CLASSES, SHEET_SIDE = 4, 24, 64
"""Of the calibration sheet: images of a class, classes, and pixels of an image's side."""


def render(
    run: TrainedRun,
    records: Mapping[str, ArtifactRecord],
    sets: CalibrationSets,
    models: Mapping[str, Path],
) -> str:
    """Returns the page; equal arguments give equal bytes.

    Args:
        run: has the images.
        records: by model file, as in parity.json.
        sets: as in calibration.json.
        models: the model files by name, for heat maps.
    """
    images = {image.path: image for image in run.images}
    flipped = flipped_images({file: record.parity for file, record in records.items()})
    against = {file: record.against for file, record in records.items() if record.against}
    changed = flipped_images(against)
    cards = (*flipped[:MAX_FLIPS], *changed[:MAX_FLIPS])
    shown = [images[flip.image] for flip in cards if flip.image in images]
    sheets = [
        (calibrated_on(key, records), calibration_set, list(_sheet(calibration_set, images)))
        for key, calibration_set in sorted(sets.items())
        if calibrated_on(key, records)
    ]
    sampled = [image for _, _, sheet in sheets for _, _, row in sheet for image in row]
    return report_template("report.html.j2").render(
        head=html_head(f"{run.manifest.name} – export report"),
        manifest=run.manifest,
        one_class=run.is_one_class,
        records=records,
        first=next(iter(records.values())),
        outcomes=OUTCOMES,
        drops=drop_plot(records),
        flipped=flipped,
        max_flips=MAX_FLIPS,
        against=against,
        changed=changed,
        thumbnails=thumbnails(run, shown, FLIP_SIDE),
        heat_maps=heat_maps(run, flipped[:MAX_FLIPS], models, FLIP_SIDE),
        scores={
            file: score_plot(record.parity.true_scores, record.reference)
            for file, record in records.items()
        },
        max_layers=MAX_LAYERS,
        overlays={
            file: b64encode(layer_overlay(models[file], record.layers).encode()).decode()
            for file, record in records.items()
            if record.layers and file in models
        },
        sheets=sheets,
        max_classes=SHEET_CLASSES,
        small=thumbnails(run, sampled, SHEET_SIDE),
        limits=grouped(records, lambda record: record.limits),
        commands=grouped(records, lambda record: record.command),
        versions=grouped(records, lambda record: record.versions),
        unknown=grouped(records, unknown_sentences),
        steps=grouped(records, lambda record: _steps(record)),
        left_out=[
            (file, record.similarity_figures)
            for file, record in records.items()
            if record.similarity_figures and record.similarity_figures.left_out_classes
        ],
        machines=grouped(
            records, lambda record: (record.latency.cpu_model, record.latency.threads)
        ),
    )


def _steps(record: ArtifactRecord) -> list[str]:
    left_out = record.similarity_figures.left_out_classes if record.similarity_figures else ()
    return next_steps(record.class_findings, record.confidence.keep, left_out)


def report_template(name: str) -> Template:
    """Returns a template of this folder for a page in HTML."""
    return load_template(
        "export.report",
        name,
        short=short_name,
        milliseconds=milliseconds,
        points=lambda fraction: f"{100 * fraction:+.2f}",
        verdict=one_line_verdict,
        breakable=breakable,
    )


def breakable(name: str) -> Markup:
    """Returns a name as HTML that breaks after an underscore or a slash, not inside a word."""
    return Markup(re.sub("([_/])", r"\1<wbr>", str(escape(name))))


def _sheet(
    calibration_set: Mapping[str, Any], images: Mapping[str, ImageRecord]
) -> Iterator[tuple[str, int, list[ImageRecord]]]:
    """Yields label, count and the first images of the first classes of a calibration set."""
    for label, count in list(calibration_set["classes"].items())[:SHEET_CLASSES]:
        rows = calibration_set["images"]
        paths = [row["path"] for row in rows if row["label"] == label]
        yield label, count, [images[path] for path in paths if path in images][:SHEET_IMAGES]
