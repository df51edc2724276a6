"""Lists the systems that can be emulated: the Debians behind Raspberry Pi OS."""

from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """A Debian for one architecture.

    suite, architecture: Debian's names. machine: the architecture as `uname -m` prints it.
    python: the version of its python3, "3.11". qemu: the program that runs its binaries.
    wheels: pip's names of the platforms whose wheels it can install.
    packages: of Debian, beside those that every system has.
    """

    name: str
    suite: str
    architecture: str
    machine: str
    python: str
    qemu: str
    wheels: tuple[str, ...]
    packages: tuple[str, ...] = ()


GLIBC_64 = (
    "manylinux2014_aarch64",
    *(f"manylinux_2_{minor}_aarch64" for minor in (17, 24, 27, 28, 31, 34)),
)
GLIBC_32 = ("manylinux2014_armv7l", *(f"manylinux_2_{minor}_armv7l" for minor in (17, 31, 34)))
DEBIAN_NUMPY = ("python3-numpy", "python3-pil")
"""For 32-bit ARM, because PyPI has neither numpy below 2 nor Pillow for it."""

SYSTEMS = {
    system.name: system
    for system in (
        System("bookworm", "bookworm", "arm64", "aarch64", "3.11", "qemu-aarch64-static", GLIBC_64),
        System("trixie", "trixie", "arm64", "aarch64", "3.13", "qemu-aarch64-static", GLIBC_64),
        System(
            "bookworm-32",
            "bookworm",
            "armhf",
            "armv7l",
            "3.11",
            "qemu-arm-static",
            GLIBC_32,
            DEBIAN_NUMPY,
        ),
    )
}

PACKAGES = (
    "base-files",
    "bash",
    "coreutils",
    "python3",
    "python3-venv",
    "libstdc++6",
    "libatomic1",
    "libexpat1",
)
"""The packages of every system: enough for `python3 -m venv`, pip and the interpreters' wheels."""
