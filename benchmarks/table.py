"""The measurements as rows: of the page, and as Markdown for a model card."""

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.latency_report import LatencyReport
from benchmarks.measured import Measurement, label
from benchmarks.samples import short

MB = 1e6
UNKNOWN = "–"
HEAD = ("model file", "interpreter", "threads")


def _ms(value: float | None) -> str:
    return UNKNOWN if value is None else short(value)


def _cold(one: Measurement) -> str:
    return _ms(median(start.total_ms for start in one.cold_starts)) if one.cold_starts else UNKNOWN


def _first(one: Measurement) -> str:
    return _ms(median(start.first_ms for start in one.cold_starts)) if one.cold_starts else UNKNOWN


def _memory(one: Measurement) -> str:
    if one.memory is None:
        return UNKNOWN
    above = (one.memory.steady_bytes, one.memory.peak_bytes)
    return " / ".join(f"{(size - one.memory.bare_bytes) / MB:.1f}" for size in above)


COLUMNS: dict[str, Callable[[Measurement], str]] = {
    "interpreter": lambda one: one.interpreter,
    "threads": lambda one: str(one.threads),
    "p50 ms": lambda one: _ms(one.summary.p50_ms),
    "p90": lambda one: _ms(one.summary.p90_ms),
    "p95": lambda one: _ms(one.summary.p95_ms),
    "p99": lambda one: _ms(one.summary.p99_ms),
    "min": lambda one: _ms(one.summary.min_ms),
    "mean": lambda one: _ms(one.summary.mean_ms),
    "max": lambda one: _ms(one.summary.max_ms),
    "samples": lambda one: str(one.summary.count),
    "pictures/s": lambda one: f"{short(one.summary.per_second)}",
    "file to labels, ms": lambda one: _ms(one.stages.whole().p50_ms) if one.stages else UNKNOWN,
    "cold start, ms": _cold,
    "first inference, ms": _first,
    "memory, steady / peak, MB": _memory,
    "size, MB": lambda one: f"{one.size_bytes / MB:.2f}",
    "accuracy": lambda one: UNKNOWN if one.accuracy is None else f"{one.accuracy:.4f}",
    "energy, mJ": lambda one: _ms(one.energy_mj),
}


def columns(measurements: Sequence[Measurement]) -> dict[str, list[str]]:
    """Name and values of every column in which at least one value is known."""
    found = {"model file": [label(one, measurements) for one in measurements]}
    found |= {name: [value(one) for one in measurements] for name, value in COLUMNS.items()}
    return {name: values for name, values in found.items() if any(value != UNKNOWN for value in values)}


def halves(measurements: Sequence[Measurement]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The same in two tables that a page has room for: the samples, and everything else."""
    table = columns(measurements)
    names = [name for name in table if name not in HEAD]
    cut = names.index("pictures/s") + 1
    one, other = ({name: table[name] for name in (*HEAD, *part) if name in table} for part in (names[:cut], names[cut:]))
    return one, other


def markdown(report: LatencyReport) -> str:
    """A table for a model card, with the machine and the doubts below."""
    table = columns(report.measurements)
    rows = list(zip(*table.values(), strict=True))
    lines = [
        f"| {' | '.join(table)} |",
        f"|{'|'.join('---' if name in ('model file', 'interpreter') else '---:' for name in table)}|",
        *(f"| {' | '.join(escaped(value) for value in row)} |" for row in rows),
        "",
        *(f"- {escaped(line)}" for line in notes(report)),
    ]
    return "\n".join(lines) + "\n"


def notes(report: LatencyReport) -> list[str]:
    """What the figures are of, a sentence each."""
    machine = report.before.machine
    known = (machine.board, machine.cpu_model, machine.system, f"{machine.cores_allowed} cores")
    doubts = [f"Doubt: {doubt}." for doubt in report.doubts()] or ["No doubt about the conditions."]
    return [
        f"Measured on {', '.join(part for part in known if part)}; milliseconds for one picture, from pixels to scores; "
        "memory is above bare Python's.",
        *doubts,
    ]


def escaped(text: str) -> str:
    """Text that opens no cell, tag or link of Markdown's."""
    return "".join(f"\\{part}" if part in "|<>[]`*_\\" else part for part in text if part.isprintable())
