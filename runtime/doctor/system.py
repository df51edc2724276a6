"""The system: word size, Python, C library, numpy, and whether interpreters can tell the processor."""

import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL

from runtime.doctor.finding import Finding
from runtime.machine import Machine, missing_cpu_files

OLDEST_PYTHON, NEWEST_PYTHON, LAST_TFLITE_RUNTIME = (3, 11), (3, 14), (3, 11)
"""Of the wheels of ai-edge-litert 2.3 and onnxruntime 1.31 for aarch64, and of tflite-runtime 2.14."""
OLDEST_GLIBC = (2, 28)
"""Of the same two (manylinux_2_28)."""
OUR_FIRST_YEAR = 2026
WIDE = ("aarch64", "arm64", "x86_64", "AMD64")


def examine_system(root: Path, machine: Machine, bits: int, python: tuple[int, int]) -> Iterator[Finding]:
    """`bits` are those of this Python, 32 or 64; `python` is its version."""
    what = ", ".join(part for part in (machine.board, machine.cpu_model, machine.system, machine.kernel) if part)
    cores = f"{machine.cores_allowed} of {machine.cores_present or 'unknown'} cores allowed"
    yield Finding("machine", "ok", f"{what or platform.platform()}; {cores}")
    yield _word_size(machine, bits, python)
    yield _python(bits, python)
    yield Finding("numpy", "ok", f"numpy {np.__version__}, Pillow {PIL.__version__}")
    if found := _old_c_library():
        yield Finding("C library", "warning", found, "use Raspberry Pi OS Bookworm or later: the interpreters' wheels need glibc 2.28")
    if missing := missing_cpu_files(root):
        found = f"{' and '.join(missing)} cannot be read, so interpreters guess the processor: int8 scores may be other than exported"
        yield Finding("processor files", "warning", found, "mount /sys (in a container: -v /sys:/sys:ro)")
    if time.gmtime().tm_year < OUR_FIRST_YEAR:
        do = "connect it to a network, or: sudo date -s 'YYYY-MM-DD HH:MM'"
        yield Finding("clock", "warning", f"the clock says {time.strftime('%Y-%m-%d')}: pip and HTTPS refuse certificates", do)


def _word_size(machine: Machine, bits: int, python: tuple[int, int]) -> Finding:
    kernel = machine.architecture
    what = f"kernel {kernel or 'unknown'}, Python {bits} bit"
    if bits == 64:
        return Finding("word size", "ok", what)
    can = ", which this processor runs" if kernel in WIDE else ""
    do = f"install 64-bit Raspberry Pi OS{can}: LiteRT and ONNX Runtime have no 32-bit wheels"
    if python <= LAST_TFLITE_RUNTIME:
        return Finding("word size", "warning", what, f"{do}; until then: pip install tflite-runtime==2.14.0 'numpy<2'")
    return Finding("word size", "problem", f"{what}; the last tflite-runtime is for Python 3.11", do)


def _python(bits: int, python: tuple[int, int]) -> Finding:
    implementation, place = platform.python_implementation(), "in a venv" if sys.prefix != sys.base_prefix else "not in a venv"
    what = f"{implementation} {'.'.join(map(str, python))}, {place} ({sys.prefix})"
    if python < OLDEST_PYTHON or (bits == 64 and python > NEWEST_PYTHON):
        oldest, newest = (".".join(map(str, version)) for version in (OLDEST_PYTHON, NEWEST_PYTHON))
        return Finding("Python", "warning", what, f"use Python {oldest} to {newest}: the interpreters have wheels for these")
    return Finding("Python", "ok", what)


def _old_c_library() -> str:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        major, minor = (int(part) for part in version.split(".")[:2])
    except (AttributeError, ValueError, OSError):
        return "not glibc (musl?)" if sys.platform == "linux" else ""
    return f"{name} {version}" if (major, minor) < OLDEST_GLIBC else ""
