"""Reads the processor's name from /proc/cpuinfo."""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

ARM_CORES = {
    0xB76: "ARM1176",
    0xC07: "Cortex-A7",
    0xC08: "Cortex-A8",
    0xC09: "Cortex-A9",
    0xC0F: "Cortex-A15",
    0xD03: "Cortex-A53",
    0xD04: "Cortex-A35",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD08: "Cortex-A72",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse-N1",
    0xD0D: "Cortex-A77",
    0xD40: "Neoverse-V1",
    0xD41: "Cortex-A78",
    0xD49: "Neoverse-N2",
    0xD4F: "Neoverse-V2",
}
"""The names of ARM's own cores, by "CPU part" in /proc/cpuinfo (PartNum of the Main ID Register).

The names are those of lscpu in util-linux.
"""
ARM_IMPLEMENTER = 0x41


def architecture() -> str:
    """Returns the architecture of this Python: "x86_64", "aarch64", ...

    A 32-bit Python on a 64-bit ARM kernel is "armv7l".
    """
    machine = os.uname().machine
    return "armv7l" if machine == "aarch64" and sys.maxsize < 2**32 else machine


def read_cpu_model(root: Path = Path("/")) -> str | None:
    """Returns the name of the processor from the files below `root`; None if they have none."""
    return find_cpu_name(read_small_text(root / "proc/cpuinfo") or "")


def find_cpu_name(cpuinfo: str) -> str | None:
    """Returns the name of the first processor in the text of /proc/cpuinfo; None without one."""
    implementer = _value(cpuinfo, "CPU implementer")
    part = _value(cpuinfo, "CPU part")
    with suppress(ValueError):
        code = int(part, 16)
        if int(implementer, 16) == ARM_IMPLEMENTER and code in ARM_CORES:
            return ARM_CORES[code]
        return f"ARM implementer {implementer}, part {part}"
    return _value(cpuinfo, "model name") or None


def read_small_text(path: Path) -> str | None:
    """Returns a small file's text, stripped of white space and NULs; None if there is none."""
    with suppress(OSError), path.open("rb") as file:
        return file.read(2**20).decode(errors="replace").strip(" \t\r\n\0") or None
    return None


def _value(cpuinfo: str, key: str) -> str:
    match = re.search(rf"^{key}\s*:\s*(.+?)\s*$", cpuinfo, re.MULTILINE)
    return match[1] if match else ""
