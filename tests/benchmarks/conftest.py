"""Fixtures for tests of benchmarks: made-up results, a fake machine, and one real measurement."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.measurement.conditions import Conditions
from benchmarks.measurement.records import Measurement, Memory, Stages
from benchmarks.measurement.timing import Rule
from benchmarks.reporting.result_file import LatencyReport
from runtime.system.machine import Machine

MACHINE = Machine(
    board="Raspberry Pi 5 Model B Rev 1.0",
    cpu_model="Cortex-A76",
    architecture="aarch64",
    kernel="6.12.1",
    system="Debian GNU/Linux 13 (trixie)",
    cores_present=4,
    cores_allowed=4,
    governors=("performance",) * 4,
    clocks_mhz=(2400.0,) * 4,
    max_clocks_mhz=(2400.0,) * 4,
    temperature_c=51.5,
    throttled=0,
    load=0.1,
    memory_mb=8000,
    memory_available_mb=7000,
    memory_limit_mb=None,
    swap_mb=512,
    swap_free_mb=512,
)


@pytest.fixture
def machine() -> Machine:
    """A quiet Raspberry Pi 5."""
    return MACHINE


@pytest.fixture
def conditions() -> Callable[..., Conditions]:
    """Conditions of that machine, some of its fields changed."""

    def make(
        at_s: float = 0.0, busy_s: float | None = 0.0, own_s: float = 0.0, **changes: object
    ) -> Conditions:
        return Conditions(
            replace(MACHINE, **changes), None, {"python": "3.11.2"}, at_s, busy_s, own_s
        )  # type: ignore[arg-type]

    return make


@pytest.fixture
def measurement() -> Callable[..., Measurement]:
    """A measurement with these samples, by default 200 of 10 ms."""

    def make(samples: tuple[float, ...] = (10.0,) * 200, **changes: object) -> Measurement:
        stages = Stages((3.0, 5.0), (1.0, 1.0), (0.1, 0.1), (9.0, 9.0), (0.2, 0.2))
        made = Measurement(
            model_folder="fruit",
            artifact="model.int8.tflite",
            format="tflite",
            precision="int8",
            sha256="ab" * 32,
            size_bytes=4_000_000,
            interpreter="LiteRT 2.3.0",
            threads=1,
            images=16,
            samples_ms=samples,
            invoke_ms=samples,
            overhead_us=0.2,
            stages=stages,
            memory=Memory(10_000_000, 50_000_000, 60_000_000),
            accuracy=0.9,
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def report(conditions, measurement) -> Callable[..., LatencyReport]:
    """A result without doubts, its measurements or other fields replaced."""

    def make(*measurements: Measurement, **changes: object) -> LatencyReport:
        made = LatencyReport(
            title="fruit",
            command="python -m benchmarks latency fruit",
            rule=Rule(),
            before=conditions(),
            after=conditions(at_s=10.0, busy_s=10.0, own_s=10.0),
            asked_threads=(1,),
            measurements=measurements or (measurement(),),
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def pi(tmp_path: Path) -> Callable[..., Path]:
    """A root folder that shows a Raspberry Pi 5 in a chosen state, with a vcgencmd of its own."""

    def make(governor: str = "performance", throttled: str = "0x0", load: str = "0.10") -> Path:
        root = tmp_path / "pi"
        files = {
            "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
            "proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n",
            "proc/loadavg": f"{load} 0.20 0.30 1/200 4242\n",
            "proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 7000000 kB\n"
            "SwapTotal: 512000 kB\nSwapFree: 512000 kB\n",
            "sys/devices/system/cpu/present": "0-3\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": f"{governor}\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone0/temp": "67200\n",
        }
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        program = root / "usr/bin/vcgencmd"
        program.parent.mkdir(parents=True)
        rails = (
            "  3V3_SYS_A current(1)=0.50000000A\\n  VDD_CORE_A current(7)=2.00000000A\\n"
            "  3V3_SYS_V volt(9)=3.30000000V\\n  VDD_CORE_V volt(15)=0.80000000V\\n"
            "  EXT5V_V volt(24)=5.10000000V\\n"
        )
        program.write_text(
            "#!/bin/sh\n"
            f'[ "$1" = get_throttled ] && echo throttled={throttled}\n'
            f'[ "$1" = pmic_read_adc ] && printf "{rails}"\ntrue\n'
        )
        program.chmod(0o755)
        return root

    return make


@pytest.fixture(scope="session")
def measured(exported: Path, run_cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `latency` wrote of `exported`, both model files at one thread. Not to be changed."""
    path = tmp_path_factory.mktemp("results") / "latency.json"
    done = run_cli(
        "benchmarks",
        "latency",
        exported,
        "--threads",
        "1",
        "--iterations",
        "40",
        "--min-seconds",
        "0",
        "-o",
        path,
    )
    assert done.returncode == 0, done.stderr
    assert os.path.isfile(path)
    return path
