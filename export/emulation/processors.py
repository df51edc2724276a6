"""Lists the processors that QEMU can emulate, with their /proc/cpuinfo on a Raspberry Pi."""

from dataclasses import dataclass

ARMV8 = "fp asimd evtstrm crc32 cpuid"
ARMV8_2 = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop"
    " asimddp"
)
ARMV7 = "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm"


@dataclass(frozen=True)
class Processor:
    """A processor.

    name: QEMU's, and ours. board: a Raspberry Pi that has it.
    part, variant, revision: of the CPU, as in /proc/cpuinfo.
    features: as Linux lists them; `asimddp` is the dot product of int8, `asimdhp` float16.
    architecture: 7 or 8.
    """

    name: str
    board: str
    part: str
    variant: str
    revision: str
    features: str
    architecture: int = 8


PROCESSORS = {
    processor.name: processor
    for processor in (
        Processor("cortex-a7", "Raspberry Pi 2", "0xc07", "0x0", "5", ARMV7, 7),
        Processor("cortex-a53", "Raspberry Pi 3", "0xd03", "0x0", "4", ARMV8),
        Processor("cortex-a72", "Raspberry Pi 4", "0xd08", "0x0", "3", ARMV8),
        Processor("cortex-a76", "Raspberry Pi 5", "0xd0b", "0x4", "1", ARMV8_2),
    )
}
"""Part numbers and features as the boards' kernels print them.

Arm lists the part numbers in the "MIDR_EL1" tables of the cores' Technical Reference Manuals.
"""


def cpuinfo(processor: Processor, cores: int) -> str:
    """Returns the text of /proc/cpuinfo.

    QEMU 7.2 shows programs the workstation's own file, on which LiteRT and ONNX Runtime end with
    SIGSEGV.
    """
    fields = (
        ("BogoMIPS", "108.00"),
        ("Features", processor.features),
        ("CPU implementer", "0x41"),
        ("CPU architecture", str(processor.architecture)),
        ("CPU variant", processor.variant),
        ("CPU part", processor.part),
        ("CPU revision", processor.revision),
    )
    text = "\n".join(f"{name}\t: {value}" for name, value in fields)
    return "".join(f"processor\t: {core}\n{text}\n\n" for core in range(cores))
