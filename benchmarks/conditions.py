"""The state of the machine before and after a measurement, and what in it makes the figures doubtful."""

import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.power import read_power_w
from benchmarks.typed import MOST, expect_types
from runtime.errors import InputRefused
from runtime.interpreters import INTERPRETERS
from runtime.machine import Machine, read_machine
from runtime.provenance import versions
from runtime.records import build

BEST_GOVERNOR = "performance"
MOST_OTHERS = 0.25
"""Cores that other programs may use during a measurement: below that, a 2-core machine's median moves by a few per cent."""
SWAPPED_MB = 8
LAST_S = 253_402_300_799
"""The end of the year 9999, in seconds since 1970."""


@dataclass(frozen=True)
class Conditions:
    """One reading. power_w: of a Raspberry Pi 5. versions: of Python and of what the runtime uses, by name.

    busy_s, own_s: seconds of processor time since boot of all processes, and of this one with the children it waited for; their growth
    tells what others used.
    """

    machine: Machine
    power_w: float | None
    versions: Mapping[str, str]
    at_s: float
    busy_s: float | None
    own_s: float

    def __post_init__(self) -> None:
        expect_types(self, "conditions")
        expect_types(self.machine, "conditions")
        if not 0 <= self.at_s <= LAST_S:
            raise InputRefused("conditions", f"expected conditions.at_s to be seconds since 1970, found {self.at_s!r}")

    @classmethod
    def from_data(cls, data: Any) -> "Conditions":
        """From what `json.loads` gave of `dataclasses.asdict`."""
        if isinstance(data, Mapping):
            found = data.get("machine")
            if not isinstance(found, Mapping):
                raise InputRefused("latency", "expected conditions.machine to be an object")
            machine = build(Machine, {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()})
            data = {**data, "machine": machine}
        return build(cls, data)


def read_conditions(root: Path = Path("/")) -> Conditions:
    """Reads all that is known now; files and `vcgencmd` are taken below `root`."""
    packages = ("quince-edge", "numpy", "pillow", *(one.distribution for one in INTERPRETERS))
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
    """How many cores other programs used between the two, on average; None where the system does not tell."""
    if before.busy_s is None or after.busy_s is None or after.at_s <= before.at_s:
        return None
    theirs = (after.busy_s - before.busy_s) - (after.own_s - before.own_s)
    return max(0.0, round(theirs / (after.at_s - before.at_s), 2))


def doubts_of(before: Conditions, after: Conditions) -> Iterator[str]:
    """What of the machine's state makes figures taken between the two doubtful, a sentence each."""
    machines = before.machine, after.machine
    governors = sorted({governor for machine in machines for governor in machine.governors} - {BEST_GOVERNOR})
    if governors:
        yield f"governor {', '.join(governors)}, not {BEST_GOVERNOR}: the clock follows the load"
    if now := sorted({word for machine in machines for word in machine.throttled_now}):
        yield f"throttled: {', '.join(now)}"
    elif new := sorted(set(machines[1].throttled_since_boot) - set(machines[0].throttled_since_boot)):
        yield f"throttled while measuring: {', '.join(new)}"
    if machines[0].load is not None and machines[0].load > machines[0].cores_allowed:
        yield f"load {machines[0].load:g} on {machines[0].cores_allowed} cores before it began; rerun when the machine is idle"
    others = others_cores(before, after)
    if others is not None and others > MOST_OTHERS:
        yield f"other programs used {others:g} cores meanwhile; rerun when the machine is idle"
    free = [machine.swap_free_mb for machine in machines]
    if free[0] is not None and free[1] is not None and free[0] - free[1] > SWAPPED_MB:
        yield f"{free[0] - free[1]} MB went to swap meanwhile: the memory is too small"


def _busy_s(root: Path) -> float | None:
    """From /proc/stat: user, nice, system, irq, softirq and steal, in ticks (proc(5))."""
    try:
        first = (root / "proc/stat").read_text().splitlines()[0].split()
        ticks = [int(word) for word in first[1:9]]
        busy = sum(ticks) - ticks[3] - ticks[4]
        return busy / os.sysconf("SC_CLK_TCK") if 0 <= busy <= MOST else None
    except (OSError, ValueError, IndexError):
        return None
