"""Defines the devices of `--device-check`: a system on a processor, with its packages."""

from collections.abc import Mapping
from dataclasses import dataclass

from export.emulation.processors import PROCESSORS, Processor
from export.emulation.rootfs import pinned
from export.emulation.systems import SYSTEMS, System
from runtime.errors import InputRefused
from runtime.system.lazy_loading import lookup

BASE = ("numpy", "pillow")
INTERPRETERS = {
    "tflite": ("ai-edge-litert",),
    "onnx": ("onnxruntime", "flatbuffers", "packaging", "protobuf"),
}
"""The distributions that run a format on 64 bit, with what they import."""
INTERPRETERS_32_BIT = {"tflite": ("tflite-runtime==2.14.0",)}
"""LiteRT and ONNX Runtime have no wheels for 32-bit ARM."""


@dataclass(frozen=True)
class Device:
    """A device for the command line, by its name."""

    name: str
    system: System
    processor: Processor

    @property
    def description(self) -> str:
        """In words: "Cortex-A72 (as in a Raspberry Pi 4), bookworm, emulated"."""
        processor = f"{self.processor.name.title()} (as in a {self.processor.board})"
        return f"{processor}, {self.system.name}, emulated"

    def packages(self, formats: set[str]) -> list[str]:
        """Returns the requirements for model files of these formats, in the versions here.

        Raises:
            InputRefused: nothing runs one of the formats on the device.
        """
        is_32_bit = self.system.machine == "armv7l"
        interpreters: Mapping[str, tuple[str, ...]] = INTERPRETERS
        if is_32_bit:
            interpreters = INTERPRETERS_32_BIT
        missing = sorted(formats - interpreters.keys())
        if missing:
            raise InputRefused(
                "--device-check",
                f"nothing runs {missing[0]} files on 32-bit ARM; check {' or '.join(interpreters)}"
                " there",
            )
        distributions = [
            name for format_name in sorted(formats) for name in interpreters[format_name]
        ]
        return distributions if is_32_bit else pinned(*BASE, *distributions)

    def versions(self, formats: set[str]) -> dict[str, str]:
        """Returns the versions there, by name, of packages that may change scores.

        On 32 bit Debian's own packages are left out.
        """
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
EARLIER_NAMES = {"aarch64": "cortex-a72"}


def choose_device(name: str) -> Device:
    """Returns the device of this name, which may be an earlier one.

    Raises:
        InputRefused: there is none.
    """
    name = EARLIER_NAMES.get(name, name)
    return lookup(DEVICES, name or "''", "device for --device-check")
