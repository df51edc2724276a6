"""What machine this is and the state it is in: read from /proc, /sys and vcgencmd, None where not known, never invented.

Every path is taken below a root, so that a test can show another machine's files.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.cpu_model import name_cpu, small_text
from runtime.threads import allowed_cores

CPUS = "sys/devices/system/cpu"
THROTTLING = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
"""Bits of `vcgencmd get_throttled` for now; 16 higher, the same since boot (Raspberry Pi documentation, "vcgencmd")."""
SINCE_BOOT = 16

MOST, MOST_CORES = 1e15, 65_536
"""No frequency, size or load of a machine comes near the first; what is above them, or no number, is not known."""
CPU_ZONES = re.compile(r"cpu|soc|x86_pkg_temp")


@dataclass(frozen=True)
class Machine:
    """One reading. Frequencies, governors and the like are one a core, in the cores' order, and empty where the system tells none.

    board: as the device tree or DMI names it. cores_allowed: by affinity and cgroup, of this process. throttled: the bits of
    `vcgencmd get_throttled`. load: of the last minute. memory_limit_mb: of the cgroup. Sizes are in 2**20 bytes.
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
        """In words, what holds the clock down at this moment; empty where nothing does or it is not known."""
        return throttling(self.throttled or 0)

    @property
    def throttled_since_boot(self) -> tuple[str, ...]:
        """In words, what has held it down since boot."""
        return throttling((self.throttled or 0) >> SINCE_BOOT)


def read_machine(root: Path = Path("/")) -> Machine:
    """Reads the files below `root` now, and asks `vcgencmd` (below `root`, else in PATH) for throttling."""
    cpuinfo = small_text(root / "proc/cpuinfo") or ""
    memory = _sizes_mb(small_text(root / "proc/meminfo") or "")
    governors = [small_text(core / "cpufreq/scaling_governor") for core in _cores(root)]
    return Machine(
        board=_board(root),
        cpu_model=name_cpu(cpuinfo),
        architecture=small_text(root / "proc/sys/kernel/arch") or (os.uname().machine if root == Path("/") else None),
        kernel=small_text(root / "proc/sys/kernel/osrelease"),
        system=_system(small_text(root / "etc/os-release") or ""),
        cores_present=_count(small_text(root / CPUS / "present") or "")
        or len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE))
        or None,
        cores_allowed=allowed_cores(root / "sys/fs/cgroup", root / "proc/self/cgroup"),
        governors=tuple(governor for governor in governors if governor),
        clocks_mhz=_frequencies_mhz(root, "scaling_cur_freq"),
        max_clocks_mhz=_frequencies_mhz(root, "cpuinfo_max_freq"),
        temperature_c=_temperature_c(root),
        throttled=_throttled(root),
        load=_number((small_text(root / "proc/loadavg") or "").split(" ")[0]),
        memory_mb=memory.get("MemTotal"),
        memory_available_mb=memory.get("MemAvailable"),
        memory_limit_mb=_limit_mb(root),
        swap_mb=memory.get("SwapTotal"),
        swap_free_mb=memory.get("SwapFree"),
    )


def missing_cpu_files(root: Path = Path("/")) -> tuple[str, ...]:
    """Of the files that interpreters learn the processor from, those a Linux machine hides (a container without /sys).

    Without them LiteRT goes on with other kernels, whose int8 scores differ; it says so only in its log.
    """
    names = [f"{CPUS}/{name}" for name in ("possible", "present")] if (root / "proc").is_dir() else []
    return tuple(f"/{name}" for name in names if small_text(root / name) is None)


def ask_vcgencmd(root: Path, question: str) -> str:
    """What a Raspberry Pi's firmware answers; "" where there is none, or this user may not ask it."""
    program = root / "usr/bin/vcgencmd"
    found = str(program) if os.access(program, os.X_OK) else shutil.which("vcgencmd")
    if found is None:
        return ""
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run([found, question], capture_output=True, text=True, errors="replace", timeout=5, check=True).stdout
    return ""


def throttling(bits: int) -> tuple[str, ...]:
    """The words for the lowest four bits."""
    return tuple(word for bit, word in THROTTLING.items() if bits >> bit & 1)


def _board(root: Path) -> str | None:
    for tree in ("proc/device-tree/model", "sys/firmware/devicetree/base/model"):
        if model := small_text(root / tree):
            return model
    parts = [small_text(root / "sys/class/dmi/id" / name) for name in ("sys_vendor", "product_name")]
    return " ".join(part for part in parts if part) or None


def _system(release: str) -> str | None:
    match = re.search(r'^PRETTY_NAME="?([^"\n]*)"?$', release, re.MULTILINE)
    return match[1] if match else None


def _cores(root: Path) -> list[Path]:
    cores = [folder for folder in (root / CPUS).glob("cpu[0-9]*") if folder.name[3:].isdecimal()]
    return sorted(cores, key=lambda folder: int(folder.name[3:]))


def _count(ranges: str) -> int | None:
    """How many numbers a list such as "0-3,6" holds."""
    total = 0
    with suppress(ValueError):
        for part in ranges.split(","):
            low, _, high = part.partition("-")
            total += int(high or low) - int(low) + 1
        return total if 0 < total <= MOST_CORES else None
    return None


def _frequencies_mhz(root: Path, name: str) -> tuple[float, ...]:
    found = [_number(small_text(core / "cpufreq" / name)) for core in _cores(root)]
    return tuple(frequency_khz / 1000 for frequency_khz in found if frequency_khz is not None)


def _temperature_c(root: Path) -> float | None:
    """Of the first thermal zone that is the processor's."""
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        if CPU_ZONES.search((small_text(zone / "type") or "").lower()):
            millidegrees = _number(small_text(zone / "temp"))
            if millidegrees is not None:
                return millidegrees / 1000
    return None


def _throttled(root: Path) -> int | None:
    match = re.fullmatch(r"throttled=(0x[0-9a-fA-F]{1,8})", ask_vcgencmd(root, "get_throttled").strip())
    return int(match[1], 16) if match else None


def _sizes_mb(meminfo: str) -> Mapping[str, int]:
    return {name: int(size) // 1024 for name, size in re.findall(r"^(\w+):\s+([0-9]{1,15}) kB$", meminfo, re.MULTILINE)}


def _limit_mb(root: Path) -> int | None:
    limit = _number(small_text(root / "sys/fs/cgroup/memory.max"))
    return None if limit is None else int(limit) >> 20


def _number(text: str | None) -> float | None:
    with suppress(ValueError):
        number = float(text or "")
        return number if abs(number) <= MOST else None
    return None
