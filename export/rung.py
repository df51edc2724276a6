"""One try of the ladder, and the table of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from export.kind import Kind
from export.latency import Latency

WIDTH = 80
HEADINGS = ("rung", "accuracy", "drop", "MB", "ms", "outcome")


@dataclass(frozen=True)
class Rung:
    """What came of one try; None where no model file came of it.

    accuracy, drop: 0..1. ms: the median of one picture here, with so many interpreter threads. outcome: passed, undecided, failed.
    """

    name: str
    file: str
    outcome: str
    reasons: tuple[str, ...]
    float_layers: tuple[str, ...] = ()
    accuracy: float | None = None
    drop: float | None = None
    bytes: int | None = None
    ms: float | None = None
    threads: int | None = None


def describe(kind: Kind) -> str:
    """What is made on this rung, for a person."""
    count = len(kind.float_layers)
    words = [f"int8, {count} layer{'s' if count > 1 else ''} in float" if kind.precision == "mixed" else kind.precision]
    words += ["percentile ranges"] if kind.ranges == "percentile" else []
    words += ["equalized"] if kind.equalized else []
    words += ["fine-tuned"] if kind.qat else []
    return ", ".join(words)


def rung_of(kind: Kind, record: Mapping[str, Any], time: Latency) -> Rung:
    """The rung that a judged model file stands for; `record` is its record in parity.json."""
    parity = record["parity"]
    reasons = (*record["reasons"], *culprit(record)) if record["reasons"] else tuple(record["doubts"])
    return Rung(
        describe(kind),
        kind.file,
        record["outcome"],
        reasons,
        kind.float_layers,
        parity["candidate_accuracy"],
        parity["drop"],
        record["bytes"],
        time.p50_ms,
        time.threads,
    )


def rung_from(row: Mapping[str, Any]) -> Rung:
    """The rung that a record in parity.json speaks of."""
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Rung(**fields)


def culprit(record: Mapping[str, Any]) -> list[str]:
    """The sentence that names the layer which quantization hurts most; none where layers were not measured, or the file passed here
    and only another processor computes it otherwise."""
    return [
        f"quantization hurts layer '{one['layer']}' most: at its scale {one['scale']:.3g} it loses {one['lost']:.0%} of its signal"
        f" (it comes after '{one['after']}' with scale {one['after_scale']:.3g})"
        for one in record["layers"][: 0 if refused_elsewhere(record) else 1]
    ]


def table(rungs: Sequence[Rung]) -> list[str]:
    """The rungs as lines of text, one each, and under one that did not pass the reasons."""
    rows = [HEADINGS, *(_cells(rung) for rung in rungs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = []
    for number, row in enumerate(rows):
        name, *numbers = [f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join([f"{name.strip():<{widths[0]}}", *numbers]))
        if number:
            rung = rungs[number - 1]
            notes = (f"in float: {', '.join(rung.float_layers)}", *rung.reasons) if rung.float_layers else rung.reasons
            lines += [line for note in notes for line in wrap(note, WIDTH, initial_indent="    ", subsequent_indent="      ")]
    threads = sorted({rung.threads for rung in rungs if rung.threads})
    return [*lines, f"ms: median of one picture here, interpreter threads {', '.join(map(str, threads))}"]


def _cells(rung: Rung) -> tuple[str, ...]:
    return (
        rung.name,
        "-" if rung.accuracy is None else f"{rung.accuracy:.4f}",
        "-" if rung.drop is None else f"{rung.drop:+.4f}",
        "-" if rung.bytes is None else f"{rung.bytes / 1e6:.2f}",
        "-" if rung.ms is None else f"{rung.ms:.1f}",
        rung.outcome,
    )


def refused_elsewhere(record: Mapping[str, Any]) -> bool:
    """Whether another processor computes the file otherwise than this one, which is no matter of its precision."""
    return any(there["outcome"] == "failed" for there in record.get("devices", {}).values())
