"""Renders a bundle's README.md: a Hugging Face model card of measured results only.

The scalars of its YAML are JSON, so a label stays text. The licence is "unknown", an identifier of
the Hub, until `export push` states it. `litert` is the library's name in the Hub's list; `onnx` is
a format there, which cards of such files name as their library.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Template

from export.inputs.trained_run import TrainedRun
from export.parity.artifact_record import ArtifactRecord
from export.quantization.calibration_record import CalibrationSets, calibrated_on
from export.report.wording import OUTCOMES, drop_in_points, grouped, milliseconds, unknown_sentences
from runtime.system.terminal import escape_control_chars
from workstation.page_template import load_template

MAX_LABELS = 200
NOT_PRINTED_BY_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
ACTIVE_IN_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&$:])")


def model_card(
    run: TrainedRun, records: Mapping[str, ArtifactRecord], sets: CalibrationSets
) -> str:
    """Returns the text of the card.

    Args:
        records: by model file, as in parity.json.
        sets: as in calibration.json.
    """
    first = next(iter(records.values()))
    labels = [image.label for image in run.split("test")]
    return card_template("model_card.md.j2").render(
        manifest=run.manifest,
        records=records,
        first=first,
        outcomes=OUTCOMES,
        data=Path(str(run.manifest.provenance.get("data", ""))).name or run.manifest.name,
        formats=sorted({file.rsplit(".", 1)[-1] for file in records}),
        accuracies=[
            (f"{first.reference} model", first.parity.reference_accuracy),
            *((file, record.parity.candidate_accuracy) for file, record in records.items()),
        ],
        poor=next((record.poor_model for record in records.values() if record.poor_model), ""),
        max_labels=MAX_LABELS,
        unknown=grouped(records, unknown_sentences),
        machines=grouped(
            records, lambda record: (record.latency.cpu_model, record.latency.threads)
        ),
        fewest=min(labels.count(label) for label in run.manifest.labels),
        sets=[
            (calibrated_on(key, records), calibration_set)
            for key, calibration_set in sorted(sets.items())
            if calibrated_on(key, records)
        ],
    )


def card_template(name: str) -> Template:
    """Returns a template of this folder for a card in Markdown."""
    return load_template(
        "export.report",
        name,
        yaml=yaml_text,
        markdown=markdown_text,
        drop=drop_in_points,
        milliseconds=milliseconds,
    )


def yaml_text(text: str) -> str:
    """Returns the text as a double-quoted YAML scalar on one line."""
    return NOT_PRINTED_BY_YAML.sub(
        lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False)
    )


def markdown_text(text: str) -> str:
    """Returns the text on one line, with everything active in Markdown or HTML escaped."""
    return ACTIVE_IN_MARKDOWN.sub(r"\\\1", escape_control_chars(text))
