"""Tests what is read from /proc, /sys and vcgencmd, and that the rest is None."""

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from runtime.system.machine import Machine, read_machine, throttling

MakeRoot = Callable[..., Path]
NO_NUMBERS = ("inf", "-inf", "nan", "1e400", "1e300")


def test_every_field_of_a_raspberry_pi_is_read(pi_root: MakeRoot) -> None:
    assert read_machine(pi_root(throttled="0x50005")) == Machine(
        board="Raspberry Pi 4 Model B Rev 1.4",
        cpu_model="Cortex-A72",
        architecture="aarch64",
        kernel="6.12.25+rpt-rpi-v8",
        system="Debian GNU/Linux 12 (bookworm)",
        cores_present=4,
        cores_allowed=len(os.sched_getaffinity(0)),
        governors=("ondemand",) * 4,
        clocks_mhz=(600.0,) * 4,
        max_clocks_mhz=(1800.0,) * 4,
        temperature_c=51.608,
        throttled=0x50005,
        load=0.42,
        memory_mb=3793,
        memory_available_mb=2941,
        memory_limit_mb=None,
        swap_mb=99,
        swap_free_mb=0,
    )


def test_what_cannot_be_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    machine = read_machine(tmp_path)
    known = {
        field.name: getattr(machine, field.name)
        for field in fields(machine)
        if getattr(machine, field.name) not in (None, ())
    }
    assert set(known) == {"cores_allowed"}


@pytest.mark.parametrize(
    ("answer", "bits", "now", "since"),
    [
        ("0x0", 0, (), ()),
        ("0x50005", 0x50005, ("under-voltage", "throttled"), ("under-voltage", "throttled")),
        (
            "0xe0008",
            0xE0008,
            ("soft temperature limit",),
            ("frequency capped", "throttled", "soft temperature limit"),
        ),
        ("VCHI initialization failed", None, (), ()),
        ("", None, (), ()),
        (f"0x{'f' * 5000}", None, (), ()),
    ],
)
def test_throttling_is_reported_in_words(
    pi_root: MakeRoot, answer: str, bits: int | None, now: tuple[str, ...], since: tuple[str, ...]
) -> None:
    machine = read_machine(pi_root(throttled=answer))
    assert (machine.throttled, machine.throttled_now, machine.throttled_since_boot) == (
        bits,
        now,
        since,
    )
    assert throttling(0xF) == (
        "under-voltage",
        "frequency capped",
        "throttled",
        "soft temperature limit",
    )


def test_vcgencmd_is_found_in_path_and_its_failure_is_not_an_answer(
    pi_root: MakeRoot, tmp_path: Path, monkeypatch
) -> None:
    program = tmp_path / "bin/vcgencmd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho throttled=0x4\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    root = pi_root(throttled=None)
    assert read_machine(root).throttled == 4
    program.write_text("#!/bin/sh\necho throttled=0x4\nexit 1\n")
    assert read_machine(root).throttled is None


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        (
            {"proc/cpuinfo": "processor : 0\nCPU implementer : 0x61\nCPU part : 0x22\n"},
            "cpu_model",
            "ARM implementer 0x61, part 0x22",
        ),
        ({"proc/cpuinfo": "processor : 0\nmodel name : AMD EPYC\n"}, "cpu_model", "AMD EPYC"),
        ({"proc/cpuinfo": "nonsense"}, "cpu_model", None),
        ({"sys/devices/system/cpu/present": "0-1,3,6-7\n"}, "cores_present", 5),
        ({"sys/devices/system/cpu/present": None}, "cores_present", 4),
        ({"sys/class/thermal/thermal_zone0/type": "gpu-thermal"}, "temperature_c", None),
        ({"sys/class/thermal/thermal_zone0/temp": "N/A"}, "temperature_c", None),
        ({"sys/fs/cgroup/cpu.max": "50000 100000\n"}, "cores_allowed", 1),
        (
            {"sys/fs/cgroup/unit/cpu.max": "50000 100000\n", "proc/self/cgroup": "0::/unit\n"},
            "cores_allowed",
            1,
        ),
        ({"sys/fs/cgroup/memory.max": "268435456\n"}, "memory_limit_mb", 256),
        ({"sys/fs/cgroup/memory.max": "max\n"}, "memory_limit_mb", None),
        (
            {"sys/devices/system/cpu/cpu2/cpufreq/scaling_governor": "performance"},
            "governors",
            ("ondemand",) * 2 + ("performance", "ondemand"),
        ),
        ({"proc/device-tree/model": None, "sys/class/dmi/id/product_name": "NUC"}, "board", "NUC"),
        ({"proc/meminfo": "\xff\xff"}, "memory_mb", None),
        ({"proc/meminfo": f"MemTotal: {'9' * 5000} kB\n"}, "memory_mb", None),
        *(({"sys/fs/cgroup/memory.max": text}, "memory_limit_mb", None) for text in NO_NUMBERS),
        *(
            ({"sys/class/thermal/thermal_zone0/temp": text}, "temperature_c", None)
            for text in NO_NUMBERS
        ),
        *(({"proc/loadavg": f"{text} 0.2 0.3 1/200 42\n"}, "load", None) for text in NO_NUMBERS),
        *(
            (
                {f"sys/devices/system/cpu/cpu{n}/cpufreq/scaling_cur_freq": text for n in range(4)},
                "clocks_mhz",
                (),
            )
            for text in NO_NUMBERS
        ),
        ({"sys/devices/system/cpu/present": "0-99999999999999999999\n"}, "cores_present", 4),
        (
            {"sys/devices/system/cpu/cpu1\u00b2/cpufreq/scaling_governor": "performance"},
            "governors",
            ("ondemand",) * 4,
        ),
    ],
)
def test_other_machines(
    pi_root: MakeRoot, changes: dict[str, str | None], field: str, value: object
) -> None:
    assert getattr(read_machine(pi_root(changes)), field) == value
