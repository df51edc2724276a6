"""Reads and writes calibration.json.

It states which images the ranges of each artifact in a bundle come from, and how stable they are.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export.parity.artifact_record import ArtifactRecord
from export.quantization.calibration import Calibration
from export.quantization.calibration_doubts import calibration_doubts
from export.quantization.calibration_stability import Stability
from runtime.bundles.bundle import CALIBRATION
from runtime.errors import InputRefused
from runtime.system.json_records import parse_json, read_text

SCHEMA = 2

CalibrationSets = dict[str, dict[str, Any]]
"""The sets by id, which is the sha256 of their pixels."""


def describe_calibration(
    calibration: Calibration, labels: tuple[str, ...], stability: Stability | None
) -> dict[str, Any]:
    """Returns a set as calibration.json has it, with its images in the order used.

    `labels` are the model's classes.
    """
    return {
        "seed": calibration.seed,
        "count": len(calibration.images),
        "classes": calibration.counts,
        "left_out": calibration.left_out,
        "repeated": calibration.repeated,
        "stability": asdict(stability) if stability else None,
        "doubts": calibration_doubts(calibration, labels, stability),
        "images": [
            {"label": image.label, "path": image.path, "sha256": image.sha256}
            for image in calibration.images
        ],
    }


def read_sets(bundle: Path) -> CalibrationSets:
    """Returns the sets of a bundle.

    Raises:
        InputRefused: it has no calibration.json, or a damaged one.
    """
    data = parse_json(read_text(bundle / CALIBRATION, "not a bundle"))
    if (
        not isinstance(data, dict)
        or data.get("schema") != SCHEMA
        or not isinstance(data.get("sets"), dict)
    ):
        raise InputRefused(str(bundle / CALIBRATION), f"expected sets and schema {SCHEMA}")
    return dict(data["sets"])


def write_sets(bundle: Path, sets: CalibrationSets, records: Mapping[str, ArtifactRecord]) -> None:
    """Writes the sets that any artifact was calibrated on, each with the names of its artifacts.

    `records` are the artifacts' records by file name.
    """
    used = {}
    for key, calibration_set in sorted(sets.items()):
        artifacts = calibrated_on(key, records)
        if artifacts:
            used[key] = {**calibration_set, "artifacts": artifacts}
    (bundle / CALIBRATION).write_text(json.dumps({"schema": SCHEMA, "sets": used}, indent=1))


def calibrated_on(key: str, records: Mapping[str, ArtifactRecord]) -> list[str]:
    """Returns the file names of the artifacts that were calibrated on the set of this id."""
    return [file for file, record in records.items() if record.calibration_id == key]
