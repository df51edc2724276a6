"""Describes measurements and conditions in lines for a terminal."""

from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.measurement.conditions import Conditions
from benchmarks.measurement.records import Measurement, label, threads_text
from benchmarks.measurement.summary import short
from benchmarks.reporting.result_file import LatencyReport
from runtime.system.terminal import escape_control_chars

MB = 1e6
NOT_KNOWN = "not known"
COLD_START_PARTS = ("python", "import", "load", "first")
IMPORTANT = (
    "board",
    "processor",
    "cores allowed",
    "governor",
    "temperature",
    "throttled",
    "load of the last minute",
)
OTHERS = "other programs, meanwhile"


def measurement_lines(measurement: Measurement, among: Sequence[Measurement]) -> Iterator[str]:
    """Yields the lines of one measurement; `among` are all that are shown."""
    head = (
        f"{label(measurement, among)}, {measurement.interpreter}, "
        f"{threads_text(measurement.threads)}, {measurement.size_bytes / MB:.2f} MB"
    )
    if measurement.accuracy is not None:
        head += f", accuracy {measurement.accuracy:.4f}"
    yield escape_control_chars(head)
    yield f"  {measurement.summary}"
    if measurement.cold_starts:
        starts = measurement.cold_starts
        medians = {
            part: median(getattr(start, f"{part}_ms") for start in starts)
            for part in COLD_START_PARTS
        }
        total = median(start.total_ms for start in starts)
        yield f"  cold start {short(total)} ms (median of {len(starts)}: {_parts(medians)})"
    if measurement.stages:
        whole_ms = measurement.stages.whole().p50_ms
        parts = _parts(measurement.stages.medians())
        yield f"  an image file to its labels p50 {short(whole_ms)} ms ({parts})"
    if measurement.memory:
        memory = measurement.memory
        steady, peak = (
            (size - memory.bare_bytes) / MB for size in (memory.steady_bytes, memory.peak_bytes)
        )
        bare = f"memory above bare Python's {memory.bare_bytes / MB:.1f} MB"
        yield f"  {bare}: {steady:.1f} MB, at its peak {peak:.1f} MB"
    if measurement.energy_mj is not None:
        energy = f"{short(measurement.energy_mj)} mJ an image"
        yield f"  {measurement.power_w:.2f} W while it runs: {energy}"
    if not measurement.images:
        yield "  with random pixels, because there is no image"


def _parts(values_ms: dict[str, float]) -> str:
    return ", ".join(f"{name} {short(value)}" for name, value in values_ms.items())


def conditions_rows(report: LatencyReport) -> list[tuple[str, str, str]]:
    """Returns all that is known of the machine as (name, before, after)."""
    before, after = _conditions(report.before), _conditions(report.after)
    others = NOT_KNOWN if report.others_cores is None else f"{report.others_cores:g} cores"
    return [*((name, before[name], after[name]) for name in before), (OTHERS, "", others)]


def _conditions(conditions: Conditions) -> dict[str, str]:
    machine = conditions.machine
    throttled = NOT_KNOWN
    if machine.throttled is not None:
        now = ", ".join(machine.throttled_now) or "nothing"
        since_boot = ", ".join(machine.throttled_since_boot) or "nothing"
        throttled = f"{machine.throttled:#x}: now {now}; since boot {since_boot}"
    system = (machine.system, machine.kernel, machine.architecture)
    clocks = (f"{clock:.0f} MHz" for clock in machine.clocks_mhz)
    versions = (f"{name} {version}" for name, version in conditions.versions.items())
    return {
        "board": machine.board or NOT_KNOWN,
        "processor": machine.cpu_model or NOT_KNOWN,
        "system": ", ".join(part for part in system if part) or NOT_KNOWN,
        "cores allowed": f"{machine.cores_allowed} of {machine.cores_present or NOT_KNOWN}",
        "governor": ", ".join(sorted(set(machine.governors))) or NOT_KNOWN,
        "clock": ", ".join(clocks) or NOT_KNOWN,
        "temperature": _known(machine.temperature_c, "°C"),
        "throttled": throttled,
        "load of the last minute": _known(machine.load),
        "memory free": _known(machine.memory_available_mb, "MiB"),
        "swap free": _known(machine.swap_free_mb, "MiB"),
        "power": _known(conditions.power_w, "W"),
        "versions": ", ".join(versions),
    }


def _known(value: float | None, unit: str = "") -> str:
    return NOT_KNOWN if value is None else f"{value:g} {unit}".rstrip()


def conditions_line(report: LatencyReport) -> str:
    """Returns the most important conditions on one line."""
    rows = {name: (before, after) for name, before, after in conditions_rows(report)}
    parts = []
    for name in IMPORTANT:
        before, after = rows[name]
        change = "" if before == after else f", then {after}"
        parts.append(f"{name} {before}{change}")
    parts.append(f"other programs meanwhile {rows[OTHERS][1]}")
    return escape_control_chars("; ".join(parts))
