"""The limit of memory holds inside, and is gone afterwards; one that was set outside is known."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

SCRIPT = """
from runtime.memory import limited_memory
small = large = None
with limited_memory(200 * 2**20):
    small = bytearray(50 * 2**20)
    try:
        large = bytearray(400 * 2**20)
    except MemoryError:
        print("refused")
print(len(bytearray(400 * 2**20)) >> 20, len(small) >> 20, large)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this limit")
def test_more_than_allowed_is_refused_inside_and_allowed_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "refused\n400 50 None\n"), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this limit")
def test_addresses_that_are_left_are_those_that_can_be_taken() -> None:
    script = """
from runtime.memory import addresses_left
left = addresses_left()
print(bool(bytearray(left - 2**20)))
try:
    bytearray(left + 2**20)
except MemoryError:
    print("refused")
"""
    done = subprocess.run(
        ["bash", "-c", 'ulimit -v 200000; exec "$0" -c "$1"', sys.executable, script], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "True\nrefused\n"), done.stderr
    unlimited = subprocess.run(
        [sys.executable, "-c", "from runtime.memory import addresses_left; print(addresses_left())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert unlimited.stdout == "None\n"


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="only glibc keeps it, and gives it back")
def test_what_was_freed_is_given_back() -> None:
    """Blocks too small for pages of their own, below one that is not freed: the C library keeps them otherwise."""
    script = """
from runtime.memory import give_back
resident = lambda: next(int(line.split()[1]) >> 10 for line in open("/proc/self/status") if line.startswith("VmRSS"))
blocks = [bytearray(100_000) for _ in range(400)]
last = blocks.pop()
del blocks
kept = resident()
give_back()
print(kept - resident())
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert int(done.stdout) > 30, done.stderr
