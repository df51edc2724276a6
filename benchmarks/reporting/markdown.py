"""Arranges measurements in rows, for the page and as a Markdown table for a model card."""

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.measurement.records import Measurement, label
from benchmarks.measurement.summary import short
from benchmarks.reporting.result_file import LatencyReport

MB = 1e6
UNKNOWN = "–"
HEAD = ("model file", "interpreter", "threads")
TEXT_COLUMNS = ("model file", "interpreter")
LAST_OF_SAMPLES = "images/s"
"""The last column about the samples; the columns after it are about everything else."""


def _ms(value: float | None) -> str:
    return UNKNOWN if value is None else short(value)


def _cold_start(measurement: Measurement) -> str:
    starts = measurement.cold_starts
    return short(median(start.total_ms for start in starts)) if starts else UNKNOWN


def _first_inference(measurement: Measurement) -> str:
    starts = measurement.cold_starts
    return short(median(start.first_ms for start in starts)) if starts else UNKNOWN


def _file_to_labels(measurement: Measurement) -> str:
    return short(measurement.stages.whole().p50_ms) if measurement.stages else UNKNOWN


def _memory(measurement: Measurement) -> str:
    memory = measurement.memory
    if memory is None:
        return UNKNOWN
    sizes = (memory.steady_bytes, memory.peak_bytes)
    return " / ".join(f"{(size - memory.bare_bytes) / MB:.1f}" for size in sizes)


def _accuracy(measurement: Measurement) -> str:
    return UNKNOWN if measurement.accuracy is None else f"{measurement.accuracy:.4f}"


COLUMNS: dict[str, Callable[[Measurement], str]] = {
    "interpreter": lambda measurement: measurement.interpreter,
    "threads": lambda measurement: str(measurement.threads),
    "p50 ms": lambda measurement: _ms(measurement.summary.p50_ms),
    "p90": lambda measurement: _ms(measurement.summary.p90_ms),
    "p95": lambda measurement: _ms(measurement.summary.p95_ms),
    "p99": lambda measurement: _ms(measurement.summary.p99_ms),
    "min": lambda measurement: _ms(measurement.summary.min_ms),
    "mean": lambda measurement: _ms(measurement.summary.mean_ms),
    "max": lambda measurement: _ms(measurement.summary.max_ms),
    "samples": lambda measurement: str(measurement.summary.count),
    "images/s": lambda measurement: short(measurement.summary.per_second),
    "file to labels, ms": _file_to_labels,
    "cold start, ms": _cold_start,
    "first inference, ms": _first_inference,
    "memory, steady / peak, MB": _memory,
    "size, MB": lambda measurement: f"{measurement.size_bytes / MB:.2f}",
    "accuracy": _accuracy,
    "energy, mJ": lambda measurement: _ms(measurement.energy_mj),
}


def columns(measurements: Sequence[Measurement]) -> dict[str, list[str]]:
    """Returns name and values of every column in which at least one value is known."""
    table = {"model file": [label(measurement, measurements) for measurement in measurements]}
    for name, value_of in COLUMNS.items():
        values = [value_of(measurement) for measurement in measurements]
        if set(values) != {UNKNOWN}:
            table[name] = values
    return table


def table_halves(
    measurements: Sequence[Measurement],
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Returns the columns as two tables that fit a page: the samples, and everything else."""
    table = columns(measurements)
    names = [name for name in table if name not in HEAD]
    cut = names.index(LAST_OF_SAMPLES) + 1
    samples, others = (
        {name: table[name] for name in (*HEAD, *part)} for part in (names[:cut], names[cut:])
    )
    return samples, others


def markdown(report: LatencyReport) -> str:
    """Returns a table for a model card, with the machine and the doubts below."""
    table = columns(report.measurements)
    rows = zip(*table.values(), strict=True)
    lines = [
        f"| {' | '.join(table)} |",
        f"|{'|'.join('---' if name in TEXT_COLUMNS else '---:' for name in table)}|",
        *(f"| {' | '.join(map(escaped, row))} |" for row in rows),
        "",
        *(f"- {escaped(note)}" for note in _notes(report)),
    ]
    return "\n".join(lines) + "\n"


def _notes(report: LatencyReport) -> list[str]:
    """Returns where the figures were measured and how far they can be trusted, as sentences."""
    machine = report.before.machine
    cores = f"{machine.cores_allowed} cores"
    place = [machine.board, machine.cpu_model, machine.system, cores]
    doubts = [f"Doubt: {doubt}." for doubt in report.doubts()]
    return [
        f"Measured on {', '.join(part for part in place if part)}. Times are milliseconds for one "
        "image, from pixels to scores. Memory is above that of bare Python.",
        *(doubts or ["No doubt about the conditions."]),
    ]


def escaped(text: str) -> str:
    """Escapes what would open a cell, tag or link in Markdown."""
    return "".join(
        f"\\{part}" if part in "|<>[]`*_\\" else part for part in text if part.isprintable()
    )
