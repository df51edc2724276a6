"""What parity.json says a model file was measured to be, each figure checked by its name."""

import math
from collections.abc import Iterable
from pathlib import Path

from runtime.bundle import PARITY
from runtime.errors import InputRefused
from runtime.records import parse_json, read_text

MEASURED = {
    "pictures": (1, 2**53),
    "reference_accuracy": (0, 1),
    "candidate_accuracy": (0, 1),
    "drop": (-1, 1),
    "drop_low": (-3, 3),
    "drop_high": (-3, 3),
    "agreement": (0, 1),
}
"""The figures of the comparison at export (runtime.parity.ParityReport): the lowest and the highest that each can be.
Of few pictures the ends of an interval by Wald lie beyond -1 and 1."""


def read_measured(folder: Path, names: Iterable[str] = tuple(MEASURED)) -> dict[str, dict[str, float]]:
    """By model file, what export measured of it as the parity.json in `folder` says; nothing where there is none.

    Raises:
        InputRefused: it does not hold up, or lacks one of the figures `names`.
    """
    path, wanted = folder / PARITY, tuple(names)
    if not path.exists():
        return {}
    try:
        reports = {str(file): record["parity"] for file, record in parse_json(read_text(path, "not a bundle"))["artifacts"].items()}
        return {file: {name: _checked(name, report[name]) for name in wanted} for file, report in reports.items()}
    except InputRefused as refusal:
        raise InputRefused(str(path), f"not a usable record of the comparison: {refusal.reason}; copy the bundle again") from refusal
    except (AttributeError, KeyError, TypeError) as error:
        raise InputRefused(str(path), "not a record of this version of Quince; copy the bundle again") from error


def _checked(name: str, value: object) -> float:
    least, most = MEASURED[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most or not math.isfinite(value):
        raise InputRefused("parity", f"expected {name} to be a number from {least} to {most}, found {str(value)[:50]!r}")
    return float(value)
