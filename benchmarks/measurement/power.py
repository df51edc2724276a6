"""Reads the power that a Raspberry Pi 5 draws from its power chip; no other board has one."""

import re
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from threading import Event, Thread

from runtime.system.machine import ask_vcgencmd

PERIOD_S, READINGS = 0.5, 6
RAIL = re.compile(r"(\w+)_([AV]) (?:current|volt)\(\d+\)=([0-9]{1,3}(?:\.[0-9]{1,12})?)[AV]")


def read_power_w(root: Path) -> float | None:
    """Returns the watts of all rails whose current and voltage `vcgencmd pmic_read_adc` reports.

    USB devices and the losses of the converter are not in it. None stands for a board without such
    a chip.
    """
    rails: dict[str, dict[str, float]] = {}
    for name, unit, value in RAIL.findall(ask_vcgencmd(root, "pmic_read_adc")):
        rails.setdefault(name, {})[unit] = float(value)
    watts = [rail["A"] * rail["V"] for rail in rails.values() if len(rail) == 2]
    return round(sum(watts), 4) if watts else None


def power_under(work: Callable[[], object], root: Path) -> float | None:
    """Returns the mean of 6 readings in 3 s, in which `work` runs again and again.

    Without a power chip it returns None and does not run `work`.
    """
    if read_power_w(root) is None:
        return None
    readings: list[float] = []
    done = Event()

    def read() -> None:
        for _ in range(READINGS):
            done.wait(PERIOD_S)
            power_w = read_power_w(root)
            if power_w is not None:
                readings.append(power_w)
        done.set()

    reader = Thread(target=read, daemon=True)
    reader.start()
    while not done.is_set():
        work()
    reader.join()
    return round(mean(readings), 4) if readings else None
