"""Writes report.html of a model of one class: its figures, and the images that are doubtful."""

import csv
from collections.abc import Sequence
from pathlib import Path

from runtime.models.manifest import Manifest
from runtime.shared.html_page import html_head, image_data_url
from runtime.shared.statistics import counted_images
from runtime.system.atomic_files import write_file
from train.fitting.training_context import TrainingContext
from workstation.page_template import load_template

REPORT = "report.html"
MAX_SHOWN, SIDE_PX = 12, 128


def write_one_class_report(
    run: Path,
    context: TrainingContext,
    manifest: Manifest,
    rows: Path,
    findings: Sequence[str],
) -> None:
    """Writes report.html into a run folder that has all its other files.

    `rows` is the table of similarities; `findings` are sentences about the quality of the data.
    """
    figures = manifest.provenance["results"]
    with rows.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        similar = [
            (row["split"], row["path"], float(row["similarity"])) for row in csv.DictReader(file)
        ]
    sha256 = {image.path: image.sha256 for image in context.data.images}

    def cards(split: str, sign: int) -> list[tuple[str, float, str]]:
        chosen = sorted((sign * value, path) for part, path, value in similar if part == split)
        pixels = context.pixels.read([sha256[path] for _, path in chosen[:MAX_SHOWN]])
        return [
            (path, sign * value, image_data_url(image, SIDE_PX))
            for (value, path), image in zip(chosen, pixels, strict=False)
        ]

    sheets = [
        (
            "Good images that are least similar",
            "The first ones are called unknown. Is each of them good? More training images like"
            " these keep them.",
            cards("test", 1),
        ),
        (
            "Bad images that are most similar",
            "The first ones are missed. What is wrong with them may be too small for the network:"
            " cut the images closer, or take a larger --input-size.",
            cards("strange", -1),
        ),
    ]
    page = load_template("train.report", "one_class.html.j2").render(
        head=html_head(f"{manifest.name} – training report"),
        manifest=manifest,
        backbone=context.options.backbone,
        figures=figures,
        sample=counted_images(figures["test_images"], figures["test_objects"]),
        findings=findings,
        sheets=sheets,
        command=str(manifest.provenance["command"]),
        packages=manifest.provenance["versions"],
    )
    write_file(run / REPORT, page.encode("utf-8", "backslashreplace"))
