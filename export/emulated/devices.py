"""What `--device-check` takes: a system on a processor, and the packages that run model files there."""

from collections.abc import Mapping
from dataclasses import dataclass

from export.emulated.processors import PROCESSORS, Processor
from export.emulated.root import pinned
from export.emulated.systems import SYSTEMS, System
from runtime.errors import InputRefused
from runtime.plugins import choose

BASE = ("numpy", "pillow")
INTERPRETERS = {"tflite": ("ai-edge-litert",), "onnx": ("onnxruntime", "flatbuffers", "packaging", "protobuf")}
"""Distributions that run a format, with what they import, on 64 bit."""
ON_32_BIT = {"tflite": ("tflite-runtime==2.14.0",)}
"""LiteRT and ONNX Runtime have no wheels for 32-bit ARM."""


@dataclass(frozen=True)
class Device:
    """A name for the command line, the system and the processor it stands for."""

    name: str
    system: System
    processor: Processor

    @property
    def described(self) -> str:
        """As "Cortex-A72 (as in a Raspberry Pi 4), bookworm, emulated"."""
        return f"{self.processor.name.title()} (as in a {self.processor.board}), {self.system.name}, emulated"

    def packages(self, formats: set[str]) -> list[str]:
        """Requirements, in the versions that are installed here, for model files of these formats.

        Raises:
            InputRefused: nothing runs one of them there.
        """
        wanted: Mapping[str, tuple[str, ...]] = ON_32_BIT if self.system.machine == "armv7l" else INTERPRETERS
        if missing := sorted(formats - wanted.keys()):
            raise InputRefused("--device-check", f"nothing runs {missing[0]} files on 32-bit ARM; check {' or '.join(wanted)} there")
        distributions = [name for kind in sorted(formats) for name in wanted[kind]]
        return distributions if self.system.machine == "armv7l" else pinned(*BASE, *distributions)

    def versions(self, formats: set[str]) -> dict[str, str]:
        """Of the packages there that may change an answer of model files of these formats, by name; not of Debian's own on 32 bit."""
        return dict(pin.split("==") for pin in self.packages(formats))


DEVICES = {
    device.name: device
    for device in (
        Device("cortex-a53", SYSTEMS["bookworm"], PROCESSORS["cortex-a53"]),
        Device("cortex-a72", SYSTEMS["bookworm"], PROCESSORS["cortex-a72"]),
        Device("cortex-a76", SYSTEMS["bookworm"], PROCESSORS["cortex-a76"]),
        Device("armv7l", SYSTEMS["bookworm-32"], PROCESSORS["cortex-a7"]),
    )
}


ALIASES = {"aarch64": "cortex-a72"}


def choose_device(name: str) -> Device:
    """The device called so, or meant by the architecture.

    Raises:
        InputRefused: there is none.
    """
    return DEVICES[ALIASES[name]] if name in ALIASES else choose(DEVICES, name or "''", "device for --device-check")
