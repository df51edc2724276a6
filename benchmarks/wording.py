"""A measurement and the conditions in words, for a terminal."""

from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.conditions import Conditions
from benchmarks.latency_report import LatencyReport
from benchmarks.measured import Measurement, label, threads_text
from benchmarks.samples import short
from runtime import cli

MB = 1e6
NOT_KNOWN = "not known"


def lines(one: Measurement, among: Sequence[Measurement]) -> Iterator[str]:
    """What was measured of one model file at one number of threads."""
    accuracy = "" if one.accuracy is None else f", accuracy {one.accuracy:.4f}"
    size = f"{one.size_bytes / MB:.2f} MB"
    yield cli.printable(f"{label(one, among)}, {one.interpreter}, {threads_text(one.threads)}, {size}{accuracy}")
    yield f"  {one.summary}"
    if one.cold_starts:
        parts = {name: median(getattr(start, f"{name}_ms") for start in one.cold_starts) for name in ("python", "import", "load", "first")}
        shown = ", ".join(f"{name} {short(value)}" for name, value in parts.items())
        total = median(start.total_ms for start in one.cold_starts)
        yield f"  cold start {short(total)} ms (median of {len(one.cold_starts)}: {shown})"
    if one.stages:
        shown = ", ".join(f"{name} {short(value)}" for name, value in one.stages.medians().items())
        yield f"  a picture file to its labels p50 {short(one.stages.whole().p50_ms)} ms ({shown})"
    if one.memory:
        bare, steady, peak = (size / MB for size in (one.memory.bare_bytes, one.memory.steady_bytes, one.memory.peak_bytes))
        yield f"  memory above bare Python's {bare:.1f} MB: {steady - bare:.1f} MB, at its peak {peak - bare:.1f} MB"
    if one.energy_mj is not None:
        yield f"  {one.power_w:.2f} W while it runs: {short(one.energy_mj)} mJ a picture"
    if not one.pictures:
        yield "  with random pixels: no picture was given"


def conditions_rows(report: LatencyReport) -> list[tuple[str, str, str]]:
    """What is known of the machine, before and after: (name, before, after)."""
    before, after = _conditions(report.before), _conditions(report.after)
    others = NOT_KNOWN if report.others_cores is None else f"{report.others_cores:g} cores"
    return [*((name, before[name], after[name]) for name in before), ("other programs, meanwhile", "", others)]


def _conditions(one: Conditions) -> dict[str, str]:
    machine = one.machine
    throttled = NOT_KNOWN
    if machine.throttled is not None:
        now, since = ", ".join(machine.throttled_now) or "nothing", ", ".join(machine.throttled_since_boot) or "nothing"
        throttled = f"{machine.throttled:#x}: now {now}; since boot {since}"
    return {
        "board": machine.board or NOT_KNOWN,
        "processor": machine.cpu_model or NOT_KNOWN,
        "system": ", ".join(part for part in (machine.system, machine.kernel, machine.architecture) if part) or NOT_KNOWN,
        "cores allowed": f"{machine.cores_allowed} of {machine.cores_present or NOT_KNOWN}",
        "governor": ", ".join(sorted(set(machine.governors))) or NOT_KNOWN,
        "clock": ", ".join(f"{clock:.0f} MHz" for clock in machine.clocks_mhz) or NOT_KNOWN,
        "temperature": _known(machine.temperature_c, "°C"),
        "throttled": throttled,
        "load of the last minute": _known(machine.load),
        "memory free": _known(machine.memory_available_mb, "MiB"),
        "swap free": _known(machine.swap_free_mb, "MiB"),
        "power": _known(one.power_w, "W"),
        "versions": ", ".join(f"{name} {version}" for name, version in one.versions.items()),
    }


def _known(value: float | None, unit: str = "") -> str:
    return NOT_KNOWN if value is None else f"{value:g} {unit}".rstrip()


def conditions_line(report: LatencyReport) -> str:
    """The most important of them, on one line."""
    known = {name: (before, after) for name, before, after in conditions_rows(report)}
    names = ("board", "processor", "cores allowed", "governor", "temperature", "throttled", "load of the last minute")
    shown = ((name, *known[name]) for name in names)
    parts = (f"{name} {before}" if before == after else f"{name} {before}, then {after}" for name, before, after in shown)
    return cli.printable("; ".join((*parts, f"other programs meanwhile {known['other programs, meanwhile'][1]}")))
