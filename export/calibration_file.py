"""calibration.json: which pictures the ranges of each artifact in a bundle come from, and how stable they are."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export.calibration import Calibration
from export.stability import Stability
from runtime.bundle import CALIBRATION
from runtime.errors import InputRefused
from runtime.records import parse_json, read_text

SCHEMA = 1

Sets = dict[str, dict[str, Any]]
"""By a set's id, which is the sha256 of its pixels."""


def describe(calibration: Calibration, stability: Stability | None) -> dict[str, Any]:
    """A set as calibration.json has it: seed, pictures by path and sha256 in the order used, counts, stability and doubts."""
    return {
        "seed": calibration.seed,
        "count": len(calibration.pictures),
        "classes": calibration.counts,
        "left_out": calibration.left_out,
        "repeated": calibration.repeated,
        "stability": asdict(stability) if stability else None,
        "doubts": [*calibration.doubts, *(stability.doubts if stability else ())],
        "pictures": [{"label": picture.label, "path": picture.path, "sha256": picture.sha256} for picture in calibration.pictures],
    }


def read_sets(bundle: Path) -> Sets:
    """The sets of a bundle.

    Raises:
        InputRefused: it has no calibration.json, or one that does not hold up.
    """
    data = parse_json(read_text(bundle / CALIBRATION, "not a bundle"))
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or not isinstance(data.get("sets"), dict):
        raise InputRefused(str(bundle / CALIBRATION), f"expected sets and schema {SCHEMA}")
    return dict(data["sets"])


def write_sets(bundle: Path, sets: Sets, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes those sets that an artifact among `records` (by file name) was calibrated on, each with the names of these."""
    used = {key: {**one, "artifacts": users(key, records)} for key, one in sorted(sets.items()) if users(key, records)}
    (bundle / CALIBRATION).write_text(json.dumps({"schema": SCHEMA, "sets": used}, indent=1))


def users(key: str, records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The artifacts calibrated on the set of this id."""
    return [file for file, record in records.items() if record["calibration"] == key]
