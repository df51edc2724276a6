"""Tests findings about the state of a Raspberry Pi, with advice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.commands.doctor.conditions import examine_conditions
from runtime.commands.doctor.finding import Finding
from runtime.system.machine import read_machine

MakeRoot = Callable[..., Path]


def find(root: Path, topic: str) -> Finding:
    return next(
        finding
        for finding in examine_conditions(read_machine(root), root)
        if finding.topic == topic
    )


def test_healthy_pi(pi_root: MakeRoot) -> None:
    root = pi_root()
    levels = {
        finding.topic: finding.level for finding in examine_conditions(read_machine(root), root)
    }
    assert levels == {
        "governor": "note",
        "temperature": "ok",
        "throttling": "ok",
        "memory": "ok",
        "swap": "ok",
        "disk": "ok",
    }
    assert find(root, "governor").found == "ondemand; 600 MHz now of 1800"


@pytest.mark.parametrize(
    ("bits", "level", "words", "do"),
    [
        ("0x0", "ok", "none, now or since boot", ""),
        ("0x50005", "warning", "now: under-voltage, throttled (0x50005)", "use the power supply"),
        (
            "0x50000",
            "warning",
            "since boot: under-voltage, throttled (0x50000)",
            "use the power supply",
        ),
        ("0x80008", "warning", "now: soft temperature limit (0x80008)", "cool it"),
        ("0x4", "warning", "now: throttled (0x4)", "cool it"),
        ("error", "note", "not known", ""),
    ],
)
def test_throttling(pi_root: MakeRoot, bits: str, level: str, words: str, do: str) -> None:
    finding = find(pi_root(throttled=bits), "throttling")
    assert finding.level == level
    assert words in finding.found
    assert finding.do.startswith(do)


@pytest.mark.parametrize(
    ("changes", "topic", "level", "words"),
    [
        ({"sys/class/thermal/thermal_zone0/temp": "84300"}, "temperature", "warning", "84 degrees"),
        (
            {"proc/meminfo": "MemTotal: 436000 kB\nMemAvailable: 90000 kB\n"},
            "memory",
            "warning",
            "87 of 425 MB",
        ),
        ({"sys/fs/cgroup/memory.max": "67108864"}, "memory", "warning", "64 MB allowed here"),
        (
            {"proc/meminfo": "SwapTotal: 1024000 kB\nSwapFree: 2048 kB\n"},
            "swap",
            "warning",
            "2 of 1000 MB free",
        ),
        ({"proc/loadavg": "99.5 1 1 1/1 1"}, "load", "note", "99.5 on"),
    ],
)
def test_scarce_resource_or_heat_is_reported(
    pi_root: MakeRoot, changes: dict[str, str], topic: str, level: str, words: str
) -> None:
    finding = find(pi_root(changes), topic)
    assert finding.level == level
    assert words in finding.found
    assert finding.do or level == "note"


def test_performance_governor_needs_nothing(pi_root: MakeRoot) -> None:
    cores = {
        f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor": "performance"
        for core in range(4)
    }
    assert find(pi_root(cores), "governor") == Finding(
        "governor", "ok", "performance; 600 MHz now of 1800"
    )
