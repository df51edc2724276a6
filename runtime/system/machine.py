"""Reads what machine this is and its state from /proc, /sys and vcgencmd.

What is not known is None, never a guess. Every path is below a root, so that a test can use the
files of another machine.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.system.cgroups import allowed_cores
from runtime.system.cpu_model import find_cpu_name, read_small_text

CPUS = "sys/devices/system/cpu"
THROTTLING = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
"""Bits of `vcgencmd get_throttled` for this moment (Raspberry Pi documentation, "vcgencmd")."""
SINCE_BOOT_SHIFT = 16
"""The same bits, this much higher, stand for the time since boot."""

MAX_VALUE, MAX_CORES = 1e15, 65_536
"""A larger frequency, size, load or core count is no real one and counts as not known."""
CPU_ZONES = re.compile(r"cpu|soc|x86_pkg_temp")


@dataclass(frozen=True)
class Machine:
    """Holds one reading. Sizes are in 2**20 bytes.

    board: the name in the device tree or DMI.
    cores_allowed: for this process, by affinity and cgroup.
    governors, clocks_mhz, max_clocks_mhz: one per core, in order; empty if the system has none.
    throttled: the bits of `vcgencmd get_throttled`.
    load: the average of the last minute.
    memory_limit_mb: of the cgroup.
    """

    board: str | None
    cpu_model: str | None
    architecture: str | None
    kernel: str | None
    system: str | None
    cores_present: int | None
    cores_allowed: int
    governors: tuple[str, ...]
    clocks_mhz: tuple[float, ...]
    max_clocks_mhz: tuple[float, ...]
    temperature_c: float | None
    throttled: int | None
    load: float | None
    memory_mb: int | None
    memory_available_mb: int | None
    memory_limit_mb: int | None
    swap_mb: int | None
    swap_free_mb: int | None

    @property
    def throttled_now(self) -> tuple[str, ...]:
        """What holds the clock down at this moment, in words; empty if nothing or not known."""
        return throttling(self.throttled or 0)

    @property
    def throttled_since_boot(self) -> tuple[str, ...]:
        """What has held the clock down since boot, in words."""
        return throttling((self.throttled or 0) >> SINCE_BOOT_SHIFT)


def read_machine(root: Path = Path("/")) -> Machine:
    """Reads the files below `root`, and asks `vcgencmd` (below `root`, else in PATH)."""
    cpuinfo = read_small_text(root / "proc/cpuinfo") or ""
    memory = _sizes_mb(read_small_text(root / "proc/meminfo") or "")
    governors = [read_small_text(core / "cpufreq/scaling_governor") for core in _cores(root)]
    return Machine(
        board=_board(root),
        cpu_model=find_cpu_name(cpuinfo),
        architecture=read_small_text(root / "proc/sys/kernel/arch")
        or (os.uname().machine if root == Path("/") else None),
        kernel=read_small_text(root / "proc/sys/kernel/osrelease"),
        system=_system(read_small_text(root / "etc/os-release") or ""),
        cores_present=_count(read_small_text(root / CPUS / "present") or "")
        or len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE))
        or None,
        cores_allowed=allowed_cores(root / "sys/fs/cgroup", root / "proc/self/cgroup"),
        governors=tuple(governor for governor in governors if governor),
        clocks_mhz=_frequencies_mhz(root, "scaling_cur_freq"),
        max_clocks_mhz=_frequencies_mhz(root, "cpuinfo_max_freq"),
        temperature_c=_temperature_c(root),
        throttled=_throttled(root),
        load=_number((read_small_text(root / "proc/loadavg") or "").split(" ")[0]),
        memory_mb=memory.get("MemTotal"),
        memory_available_mb=memory.get("MemAvailable"),
        memory_limit_mb=_limit_mb(root),
        swap_mb=memory.get("SwapTotal"),
        swap_free_mb=memory.get("SwapFree"),
    )


def missing_cpu_files(root: Path = Path("/")) -> tuple[str, ...]:
    """Returns the files about the processor that interpreters need and a Linux machine hides.

    A container without /sys hides them. LiteRT then uses other kernels, whose int8 scores differ,
    and mentions it only in its log.
    """
    if not (root / "proc").is_dir():
        return ()
    names = (f"{CPUS}/possible", f"{CPUS}/present")
    return tuple(f"/{name}" for name in names if read_small_text(root / name) is None)


def ask_vcgencmd(root: Path, question: str) -> str:
    """Returns the answer of a Raspberry Pi's firmware; "" without one or without permission."""
    program: str | None = str(root / "usr/bin/vcgencmd")
    if not os.access(root / "usr/bin/vcgencmd", os.X_OK):
        program = shutil.which("vcgencmd")
    if program is None:
        return ""
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(
            [program, question],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5,
            check=True,
        ).stdout
    return ""


def throttling(bits: int) -> tuple[str, ...]:
    """Returns the words for the lowest four bits of `vcgencmd get_throttled`."""
    return tuple(words for bit, words in THROTTLING.items() if bits >> bit & 1)


def _board(root: Path) -> str | None:
    for tree in ("proc/device-tree/model", "sys/firmware/devicetree/base/model"):
        if model := read_small_text(root / tree):
            return model
    parts = [
        read_small_text(root / "sys/class/dmi/id" / name) for name in ("sys_vendor", "product_name")
    ]
    return " ".join(part for part in parts if part) or None


def _system(release: str) -> str | None:
    match = re.search(r'^PRETTY_NAME="?([^"\n]*)"?$', release, re.MULTILINE)
    return match[1] if match else None


def _cores(root: Path) -> list[Path]:
    cores = [folder for folder in (root / CPUS).glob("cpu[0-9]*") if folder.name[3:].isdecimal()]
    return sorted(cores, key=lambda folder: int(folder.name[3:]))


def _count(ranges: str) -> int | None:
    """Returns how many numbers a list such as "0-3,6" holds."""
    total = 0
    with suppress(ValueError):
        for part in ranges.split(","):
            low, _, high = part.partition("-")
            total += int(high or low) - int(low) + 1
        return total if 0 < total <= MAX_CORES else None
    return None


def _frequencies_mhz(root: Path, name: str) -> tuple[float, ...]:
    frequencies_khz = [_number(read_small_text(core / "cpufreq" / name)) for core in _cores(root)]
    return tuple(khz / 1000 for khz in frequencies_khz if khz is not None)


def _temperature_c(root: Path) -> float | None:
    """Returns the temperature of the processor's first thermal zone."""
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        if CPU_ZONES.search((read_small_text(zone / "type") or "").lower()):
            millidegrees = _number(read_small_text(zone / "temp"))
            if millidegrees is not None:
                return millidegrees / 1000
    return None


def _throttled(root: Path) -> int | None:
    match = re.fullmatch(
        r"throttled=(0x[0-9a-fA-F]{1,8})", ask_vcgencmd(root, "get_throttled").strip()
    )
    return int(match[1], 16) if match else None


def _sizes_mb(meminfo: str) -> Mapping[str, int]:
    return {
        name: int(size) // 1024
        for name, size in re.findall(r"^(\w+):\s+([0-9]{1,15}) kB$", meminfo, re.MULTILINE)
    }


def _limit_mb(root: Path) -> int | None:
    limit = _number(read_small_text(root / "sys/fs/cgroup/memory.max"))
    return None if limit is None else int(limit) >> 20


def _number(text: str | None) -> float | None:
    with suppress(ValueError):
        number = float(text or "")
        return number if abs(number) <= MAX_VALUE else None
    return None
