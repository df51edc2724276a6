"""Examines the machine's state: clock, temperature, throttling, load, memory, swap, disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from runtime.commands.doctor.finding import Finding
from runtime.system.machine import Machine

HOT_C = 80.0
"""A Raspberry Pi lowers its clock from here.

Source: Raspberry Pi documentation, "Frequency management and thermal control".
"""
MIN_MEMORY_MB, MIN_DISK_MB = 150, 200
"""An interpreter with a small model takes 50 to 65 MB of memory.

Installing one unpacks up to 64 MB beside the wheel.
"""
MIN_SWAP_MB = 100
"""A smaller swap may be full."""
POWER_ADVICE = "use the power supply made for this board, and a short cable"
COOLING_ADVICE = "cool it with a heat sink or fan"
GOVERNOR_ADVICE = (
    "for steady latency: echo performance | sudo tee "
    "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor (until the next boot)"
)


def examine_conditions(machine: Machine, path: Path) -> Iterator[Finding]:
    """Yields findings about the machine's state; `path` is where a bundle is or will be."""
    yield from _examine_clock(machine)
    if machine.temperature_c is not None:
        yield _judge_temperature(machine.temperature_c)
    yield _examine_throttling(machine)
    if machine.load is not None and machine.load > machine.cores_allowed:
        load = f"{machine.load:.1f} on {machine.cores_allowed} cores"
        yield Finding("load", "note", f"{load}: other work slows the classifier down")
    yield from _examine_memory(machine)
    yield from _examine_swap(machine)
    yield from _examine_disk(path)


def _examine_clock(machine: Machine) -> Iterator[Finding]:
    if not machine.governors:
        return
    found = ", ".join(sorted(set(machine.governors)))
    if machine.clocks_mhz:
        found += f"; {min(machine.clocks_mhz):.0f} MHz now"
        if machine.max_clocks_mhz:
            found += f" of {max(machine.max_clocks_mhz):.0f}"
    if set(machine.governors) == {"performance"}:
        yield Finding("governor", "ok", found)
    else:
        yield Finding("governor", "note", found, GOVERNOR_ADVICE)


def _judge_temperature(temperature_c: float) -> Finding:
    found = f"{temperature_c:.0f} degrees Celsius"
    if temperature_c < HOT_C:
        return Finding("temperature", "ok", found)
    return Finding(
        "temperature",
        "warning",
        found,
        f"{COOLING_ADVICE}; it lowers its clock at this temperature",
    )


def _examine_throttling(machine: Machine) -> Finding:
    if machine.throttled is None:
        return Finding(
            "throttling",
            "note",
            "not known: vcgencmd is not installed, or this user may not use it (group video)",
        )
    for reasons, period in (
        (machine.throttled_now, "now"),
        (machine.throttled_since_boot, "since boot"),
    ):
        if reasons:
            found = f"{period}: {', '.join(reasons)} ({machine.throttled:#x})"
            return Finding("throttling", "warning", found, _throttling_advice(reasons))
    return Finding("throttling", "ok", "none, now or since boot")


def _throttling_advice(reasons: tuple[str, ...]) -> str:
    causes = [reason for reason in reasons if reason != "throttled"]
    advice = []
    if "under-voltage" in causes:
        advice.append(POWER_ADVICE)
    if causes != ["under-voltage"]:
        advice.append(COOLING_ADVICE)
    return " and ".join(advice)


def _examine_memory(machine: Machine) -> Iterator[Finding]:
    available_mb, limit_mb = machine.memory_available_mb, machine.memory_limit_mb
    if available_mb is None:
        return
    found = f"{available_mb} of {machine.memory_mb} MB available"
    if limit_mb:
        found += f", {limit_mb} MB allowed here"
    usable_mb = available_mb if limit_mb is None else min(available_mb, limit_mb)
    if usable_mb >= MIN_MEMORY_MB:
        yield Finding("memory", "ok", found)
    else:
        yield Finding(
            "memory",
            "warning",
            found,
            "stop other programs, or allow more memory: "
            "an interpreter with a small model takes 50 to 65 MB",
        )


def _examine_swap(machine: Machine) -> Iterator[Finding]:
    if machine.swap_mb is None or machine.swap_free_mb is None:
        return
    found = f"{machine.swap_free_mb} of {machine.swap_mb} MB free" if machine.swap_mb else "none"
    if machine.swap_mb > MIN_SWAP_MB and machine.swap_free_mb < machine.swap_mb // 10:
        yield Finding("swap", "warning", found, "it is nearly full: stop other programs")
    else:
        yield Finding("swap", "ok", found)


def _examine_disk(path: Path) -> Iterator[Finding]:
    folder = path.absolute()
    while not os.path.isdir(folder) and folder != folder.parent:
        folder = folder.parent
    try:
        free_mb = shutil.disk_usage(folder).free >> 20
    except OSError:
        return
    found = f"{free_mb} MB free at {folder}"
    if free_mb >= MIN_DISK_MB:
        yield Finding("disk", "ok", found)
    else:
        yield Finding("disk", "warning", found, "make room: sudo apt clean; rm -rf ~/.cache/pip")
