"""Reads parity.json, the figures that export measured of each model file."""

import math
from collections.abc import Iterable
from pathlib import Path

from runtime.bundles.bundle import PARITY
from runtime.errors import InputRefused
from runtime.system.json_records import parse_json, read_text, rename_old_keys

FIGURE_RANGES = {
    "images": (1, 2**53),
    "reference_accuracy": (0, 1),
    "candidate_accuracy": (0, 1),
    "drop": (-1, 1),
    "drop_low": (-3, 3),
    "drop_high": (-3, 3),
    "agreement": (0, 1),
}
"""The smallest and largest possible value of each figure (runtime.shared.parity.ParityReport).
With few images the ends of a Wald interval lie beyond -1 and 1."""


def read_parity_record(
    folder: Path, names: Iterable[str] = tuple(FIGURE_RANGES)
) -> dict[str, dict[str, float]]:
    """Returns the figures `names` by model file, from the parity.json in `folder`.

    Returns nothing if there is no such file.

    Raises:
        InputRefused: the file is not valid, or lacks one of the figures.
    """
    path, figures = folder / PARITY, tuple(names)
    if not path.exists():
        return {}
    try:
        reports = {
            str(file): rename_old_keys(record["parity"])
            for file, record in parse_json(read_text(path, "not a bundle"))["artifacts"].items()
        }
        return {
            file: {name: _check_figure(name, report[name]) for name in figures}
            for file, report in reports.items()
        }
    except InputRefused as refusal:
        raise InputRefused(
            str(path),
            f"not a usable record of the comparison: {refusal.reason}; copy the bundle again",
        ) from refusal
    except (AttributeError, KeyError, TypeError) as error:
        raise InputRefused(
            str(path), "not a record of this version of Quince; copy the bundle again"
        ) from error


def _check_figure(name: str, value: object) -> float:
    low, high = FIGURE_RANGES[name]
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not low <= value <= high
        or not math.isfinite(value)
    ):
        raise InputRefused(
            "parity",
            f"expected {name} to be a number from {low} to {high}, found {str(value)[:50]!r}",
        )
    return float(value)
