"""What the gate found, in words: for the head of the report, and for the model card."""

from collections.abc import Mapping
from typing import Any

OUTCOMES = {"passed": "passed", "undecided": "undecided", "failed": "refused"}


def verdict(record: Mapping[str, Any]) -> str:
    """An artifact's record as one line: outcome, drop with its upper limit, size, latency here."""
    parity, latency = record["parity"], record["latency"]
    size = f"{record['bytes'] / 1e6:.2f} MB"
    return f"{OUTCOMES[record['outcome']]}: {drop(parity)}, {size}, {milliseconds(latency['p50_ms'])} a picture here"


def drop(parity: Mapping[str, Any]) -> str:
    """The drop in points of accuracy (hundredths), with the upper end of its 95 % interval."""
    here, most = 100 * parity["drop"], 100 * parity["drop_high"]
    differs = f"{abs(here):.2f} points {'below' if here > 0 else 'above'} Keras"
    level = differs if abs(here) >= 0.005 else "the same accuracy as Keras"
    limit = f"at most {most:.2f} below" if most >= 0 else f"at least {-most:.2f} above"
    return f"{level}, {limit} (95 %)"


def milliseconds(value: float) -> str:
    """Three digits: "5.23 ms", "52.3 ms", "523 ms"."""
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} ms"


def short(file: str) -> str:
    """A model file's name without the "model." that all of them begin with."""
    return file.removeprefix("model.")
