"""Reads the state of the machine before and after a measurement, and finds reasons to doubt it."""

import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measurement.power import read_power_w
from runtime.backends.installed import INTERPRETERS
from runtime.errors import InputRefused
from runtime.system.machine import Machine, read_machine
from runtime.system.provenance import versions
from runtime.system.typed_json import MAX_NUMBER

BEST_GOVERNOR = "performance"
MAX_OTHER_CORES = 0.25
"""Cores that other programs may use meanwhile.

Below that the median of a 2-core machine moves by a few per cent."""
MAX_SWAPPED_MB = 8
MAX_TIME_S = 253_402_300_799
"""The end of the year 9999, in seconds since 1970."""


@dataclass(frozen=True)
class Conditions:
    """Holds one reading of the machine's state.

    power_w: known for a Raspberry Pi 5 only.
    versions: of Python and of the packages that the runtime uses, by name.
    busy_s: processor time of all processes since boot.
    own_s: processor time of this process and of the children it waited for. How both grow tells how
        much other programs used.
    """

    machine: Machine
    power_w: float | None
    versions: Mapping[str, str]
    at_s: float
    busy_s: float | None
    own_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.at_s <= MAX_TIME_S:
            raise InputRefused(
                "conditions",
                f"expected conditions.at_s to be seconds since 1970, found {self.at_s!r}",
            )


def read_conditions(root: Path = Path("/")) -> Conditions:
    """Reads all that is known now; files and `vcgencmd` are looked up below `root`."""
    distributions = (interpreter.distribution for interpreter in INTERPRETERS)
    packages = ("quince-edge", "numpy", "pillow", *distributions)
    times = os.times()
    own_s = times.user + times.system + times.children_user + times.children_system
    return Conditions(
        read_machine(root),
        read_power_w(root),
        {"python": platform.python_version(), **versions(*packages)},
        round(time.time(), 3),
        _busy_s(root),
        round(own_s, 3),
    )


def others_cores(before: Conditions, after: Conditions) -> float | None:
    """Returns how many cores other programs used between two readings, on average.

    None stands for a system that does not report it.
    """
    if before.busy_s is None or after.busy_s is None or after.at_s <= before.at_s:
        return None
    others_s = (after.busy_s - before.busy_s) - (after.own_s - before.own_s)
    return max(0.0, round(others_s / (after.at_s - before.at_s), 2))


def doubts_of(before: Conditions, after: Conditions) -> Iterator[str]:
    """Yields reasons to doubt figures that were taken between two readings, a sentence each."""
    first, last = before.machine, after.machine
    governors = {*first.governors, *last.governors} - {BEST_GOVERNOR}
    if governors:
        names = ", ".join(sorted(governors))
        yield f"governor {names}, not {BEST_GOVERNOR}: the clock follows the load"
    throttled = {*first.throttled_now, *last.throttled_now}
    throttled_meanwhile = set(last.throttled_since_boot) - set(first.throttled_since_boot)
    if throttled:
        yield f"throttled: {', '.join(sorted(throttled))}"
    elif throttled_meanwhile:
        yield f"throttled while measuring: {', '.join(sorted(throttled_meanwhile))}"
    if first.load is not None and first.load > first.cores_allowed:
        load = f"load {first.load:g} on {first.cores_allowed} cores before it began"
        yield f"{load}; rerun when the machine is idle"
    others = others_cores(before, after)
    if others is not None and others > MAX_OTHER_CORES:
        yield f"other programs used {others:g} cores meanwhile; rerun when the machine is idle"
    if first.swap_free_mb is not None and last.swap_free_mb is not None:
        swapped_mb = first.swap_free_mb - last.swap_free_mb
        if swapped_mb > MAX_SWAPPED_MB:
            yield f"{swapped_mb} MB went to swap meanwhile: the memory is too small"


def _busy_s(root: Path) -> float | None:
    """Returns the busy seconds of /proc/stat: user, nice, system, irq, softirq, steal (proc(5))."""
    try:
        words = (root / "proc/stat").read_text().splitlines()[0].split()
        ticks = [int(word) for word in words[1:9]]
        idle, waiting = ticks[3:5]
        busy = sum(ticks) - idle - waiting
    except (OSError, ValueError, IndexError):
        return None
    return busy / os.sysconf("SC_CLK_TCK") if 0 <= busy <= MAX_NUMBER else None
