"""The state the machine is in: clocks, temperature, throttling, load, memory, swap, disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from runtime.doctor.finding import Finding
from runtime.machine import Machine

HOT_C = 80.0
"""From here a Raspberry Pi lowers its clock (Raspberry Pi documentation, "Frequency management and thermal control")."""
LITTLE_MEMORY_MB, LITTLE_SWAP_MB, LITTLE_DISK_MB = 150, 100, 200
"""An interpreter with a small model takes 50 to 65 MB; installing one unpacks up to 64 MB beside the wheel."""


def examine_conditions(machine: Machine, place: Path) -> Iterator[Finding]:
    """`place` is where a bundle is, or where one would be copied to."""
    yield from _clock(machine)
    if machine.temperature_c is not None:
        hot = machine.temperature_c >= HOT_C
        do = "cool it: a heat sink or fan; it lowers its clock now" if hot else ""
        yield Finding("temperature", "warning" if hot else "ok", f"{machine.temperature_c:.0f} degrees Celsius", do)
    yield _throttling(machine)
    if machine.load is not None and machine.load > machine.cores_allowed:
        yield Finding("load", "note", f"{machine.load:.1f} on {machine.cores_allowed} cores: other work slows the classifier down")
    yield from _memory(machine)
    yield from _disk(place)


def _clock(machine: Machine) -> Iterator[Finding]:
    if not machine.governors:
        return
    now, most = machine.clocks_mhz, machine.max_clocks_mhz
    clocks = f"; {min(now):.0f} MHz now" + (f" of {max(most):.0f}" if most else "") if now else ""
    names = ", ".join(sorted(set(machine.governors)))
    if set(machine.governors) == {"performance"}:
        yield Finding("governor", "ok", f"{names}{clocks}")
    else:
        do = "for steady latency: echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor (until the next boot)"
        yield Finding("governor", "note", f"{names}{clocks}", do)


def _throttling(machine: Machine) -> Finding:
    if machine.throttled is None:
        return Finding("throttling", "note", "not known: vcgencmd is not here, or this user may not ask it (group video)")
    power = "use the power supply made for this board, and a short cable"
    cool = "cool it: a heat sink or fan"
    for words, when in ((machine.throttled_now, "now"), (machine.throttled_since_boot, "since boot")):
        if words:
            do = " and ".join(dict.fromkeys(power if word == "under-voltage" else cool for word in words if word != "throttled")) or cool
            return Finding("throttling", "warning", f"{when}: {', '.join(words)} ({machine.throttled:#x})", do)
    return Finding("throttling", "ok", "none, now or since boot")


def _memory(machine: Machine) -> Iterator[Finding]:
    if machine.memory_available_mb is not None:
        limit = machine.memory_limit_mb
        bound = limit if limit is not None and limit < machine.memory_available_mb else machine.memory_available_mb
        what = f"{machine.memory_available_mb} of {machine.memory_mb} MB available" + (f", {limit} MB allowed here" if limit else "")
        little = bound < LITTLE_MEMORY_MB
        do = "stop other programs, or give it more: an interpreter with a small model takes 50 to 65 MB" if little else ""
        yield Finding("memory", "warning" if little else "ok", what, do)
    if machine.swap_mb is not None and machine.swap_free_mb is not None:
        full = machine.swap_mb > LITTLE_SWAP_MB and machine.swap_free_mb < machine.swap_mb // 10
        what = f"{machine.swap_free_mb} of {machine.swap_mb} MB free" if machine.swap_mb else "none"
        yield Finding("swap", "warning" if full else "ok", what, "it is nearly full: stop other programs" if full else "")


def _disk(place: Path) -> Iterator[Finding]:
    there = next((folder for folder in (place.absolute(), *place.absolute().parents) if os.path.isdir(folder)), Path("/"))
    try:
        free_mb = shutil.disk_usage(there).free >> 20
    except OSError:
        return
    little = free_mb < LITTLE_DISK_MB
    do = "make room: sudo apt clean; rm -rf ~/.cache/pip" if little else ""
    yield Finding("disk", "warning" if little else "ok", f"{free_mb} MB free at {there}", do)
