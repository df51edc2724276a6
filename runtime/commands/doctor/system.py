"""Examines the system: word size, Python, C library, numpy, processor files and clock."""

import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL

from runtime.commands.doctor.finding import Finding
from runtime.system.machine import Machine, missing_cpu_files

MIN_PYTHON, MAX_PYTHON = (3, 11), (3, 14)
"""The wheels of ai-edge-litert 2.3 and onnxruntime 1.31 for aarch64 support these versions."""
MAX_TFLITE_RUNTIME_PYTHON = (3, 11)
"""The wheels of tflite-runtime 2.14 end here."""
MIN_GLIBC = (2, 28)
"""ai-edge-litert and onnxruntime have manylinux_2_28 wheels."""
FIRST_RELEASE_YEAR = 2026
ARCHITECTURES_64_BIT = ("aarch64", "arm64", "x86_64", "AMD64")


def examine_system(
    root: Path, machine: Machine, bits: int, python: tuple[int, int]
) -> Iterator[Finding]:
    """Yields findings about the system.

    Args:
        root: the folder of the system's files.
        machine: the facts that were read from them.
        bits: the word size of this Python, 32 or 64.
        python: the version of this Python.
    """
    facts = (machine.board, machine.cpu_model, machine.system, machine.kernel)
    name = ", ".join(fact for fact in facts if fact) or platform.platform()
    cores = f"{machine.cores_allowed} of {machine.cores_present or 'unknown'} cores allowed"
    yield Finding("machine", "ok", f"{name}; {cores}")
    yield _examine_word_size(machine, bits, python)
    yield _examine_python(bits, python)
    yield Finding("numpy", "ok", f"numpy {np.__version__}, Pillow {PIL.__version__}")
    yield from _examine_c_library()
    yield from _examine_processor_files(root)
    yield from _examine_clock()


def _examine_word_size(machine: Machine, bits: int, python: tuple[int, int]) -> Finding:
    kernel = machine.architecture
    found = f"kernel {kernel or 'unknown'}, Python {bits} bit"
    if bits == 64:
        return Finding("word size", "ok", found)
    capable = ", which this processor runs" if kernel in ARCHITECTURES_64_BIT else ""
    do = f"install 64-bit Raspberry Pi OS{capable}: LiteRT and ONNX Runtime have no 32-bit wheels"
    if python <= MAX_TFLITE_RUNTIME_PYTHON:
        do += "; until then: pip install tflite-runtime==2.14.0 'numpy<2'"
        return Finding("word size", "warning", found, do)
    found += "; the last tflite-runtime is for Python 3.11"
    return Finding("word size", "problem", found, do)


def _examine_python(bits: int, python: tuple[int, int]) -> Finding:
    environment = "in a venv" if sys.prefix != sys.base_prefix else "not in a venv"
    found = (
        f"{platform.python_implementation()} {_version_text(python)}, {environment} ({sys.prefix})"
    )
    if python < MIN_PYTHON or (bits == 64 and python > MAX_PYTHON):
        supported = f"{_version_text(MIN_PYTHON)} to {_version_text(MAX_PYTHON)}"
        do = f"use Python {supported}: the interpreters have wheels for these"
        return Finding("Python", "warning", found, do)
    return Finding("Python", "ok", found)


def _version_text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _examine_c_library() -> Iterator[Finding]:
    found = _old_c_library()
    if found:
        yield Finding(
            "C library",
            "warning",
            found,
            "use Raspberry Pi OS Bookworm or later: the interpreters' wheels need glibc 2.28",
        )


def _old_c_library() -> str:
    """Returns the name of an unsupported C library; empty if it is supported."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        major, minor = (int(part) for part in version.split(".")[:2])
    except (AttributeError, ValueError, OSError):
        return "not glibc (musl?)" if sys.platform == "linux" else ""
    return f"{name} {version}" if (major, minor) < MIN_GLIBC else ""


def _examine_processor_files(root: Path) -> Iterator[Finding]:
    missing = missing_cpu_files(root)
    if missing:
        yield Finding(
            "processor files",
            "warning",
            f"{' and '.join(missing)} cannot be read, so interpreters guess the processor: "
            "int8 scores may differ from those at export",
            "mount /sys (in a container: -v /sys:/sys:ro)",
        )


def _examine_clock() -> Iterator[Finding]:
    if time.gmtime().tm_year < FIRST_RELEASE_YEAR:
        today = time.strftime("%Y-%m-%d")
        yield Finding(
            "clock",
            "warning",
            f"the clock shows {today}: pip and HTTPS refuse certificates",
            "connect it to a network, or: sudo date -s 'YYYY-MM-DD HH:MM'",
        )
