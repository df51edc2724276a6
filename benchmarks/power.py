"""What a Raspberry Pi 5 draws, as its power chip says it; no other board has one."""

import re
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from threading import Event, Thread

from runtime.machine import ask_vcgencmd

PERIOD_S, READINGS = 0.5, 6
RAIL = re.compile(r"(\w+)_([AV]) (?:current|volt)\(\d+\)=([0-9]{1,3}(?:\.[0-9]{1,12})?)[AV]")


def read_power_w(root: Path) -> float | None:
    """Watts over all rails of which `vcgencmd pmic_read_adc` tells current and voltage; None where there is no such chip.

    What the board draws besides (USB devices, the converter's own losses) is not in it.
    """
    rails: dict[str, dict[str, float]] = {}
    for name, unit, value in RAIL.findall(ask_vcgencmd(root, "pmic_read_adc")):
        rails.setdefault(name, {})[unit] = float(value)
    watts = [rail["A"] * rail["V"] for rail in rails.values() if len(rail) == 2]
    return round(sum(watts), 4) if watts else None


def power_under(work: Callable[[], object], root: Path) -> float | None:
    """The mean of 6 readings in 3 s while `work` is done again and again; None where there is nothing to read, and then without waiting."""
    if read_power_w(root) is None:
        return None
    readings: list[float] = []
    done = Event()

    def read() -> None:
        for _ in range(READINGS):
            done.wait(PERIOD_S)
            reading = read_power_w(root)
            readings.extend([] if reading is None else [reading])
        done.set()

    reader = Thread(target=read, daemon=True)
    reader.start()
    while not done.is_set():
        work()
    reader.join()
    return round(mean(readings), 4) if readings else None
