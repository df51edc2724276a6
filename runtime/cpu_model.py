"""The processor's name, from /proc/cpuinfo: all that a start of the runtime has to know of the machine."""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

PARTS = {
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
"""ARM's own cores (implementer 0x41) by the "CPU part" of /proc/cpuinfo: the Main ID Register's PartNum, as util-linux' lscpu names it."""
ARM = 0x41


def architecture() -> str:
    """What this Python's code is made of: "x86_64", "aarch64", "armv7l" also where the kernel is a 64-bit one."""
    machine = os.uname().machine
    return "armv7l" if machine == "aarch64" and sys.maxsize < 2**32 else machine


def read_cpu_model(root: Path = Path("/")) -> str | None:
    """The processor that the files below `root` tell of; None where they do not."""
    return name_cpu(small_text(root / "proc/cpuinfo") or "")


def name_cpu(cpuinfo: str) -> str | None:
    """The name of the first processor in the text of /proc/cpuinfo; None where it tells none."""
    found = {key: re.search(rf"^{key}\s*:\s*(.+?)\s*$", cpuinfo, re.MULTILINE) for key in ("CPU implementer", "CPU part", "model name")}
    implementer, part, name = (match[1] if match else "" for match in found.values())
    with suppress(ValueError):
        code = int(part, 16)
        if int(implementer, 16) == ARM and code in PARTS:
            return PARTS[code]
        return f"ARM implementer {implementer}, part {part}"
    return name or None


def small_text(path: Path) -> str | None:
    """A small file's text without what surrounds it, spaces and NULs; None where it cannot be read or is empty."""
    with suppress(OSError), path.open("rb") as file:
        return file.read(2**20).decode(errors="replace").strip(" \t\r\n\0") or None
    return None
