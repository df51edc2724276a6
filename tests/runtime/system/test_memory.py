"""Tests that a limit of memory holds in its block only, and that an outer limit is found."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

SCRIPT = """
from runtime.system.memory import limited_memory
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
def test_address_space_left_can_be_allocated() -> None:
    script = """
from runtime.system.memory import address_space_left
left = address_space_left()
print(bool(bytearray(left - 2**20)))
try:
    bytearray(left + 2**20)
except MemoryError:
    print("refused")
"""
    done = subprocess.run(
        ["bash", "-c", 'ulimit -v 200000; exec "$0" -c "$1"', sys.executable, script],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "True\nrefused\n"), done.stderr
    unlimited = subprocess.run(
        [
            sys.executable,
            "-c",
            "from runtime.system.memory import address_space_left; print(address_space_left())",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert unlimited.stdout == "None\n"


needs_glibc = pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc",
    reason="only glibc keeps it, and gives it back",
)


@needs_glibc
def test_freed_memory_goes_back_to_the_system() -> None:
    """The C library keeps small blocks that lie below one that is not freed."""
    script = """
from runtime.system.memory import trim_heap
def resident():
    lines = open("/proc/self/status")
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmRSS"))
blocks = [bytearray(100_000) for _ in range(400)]
last = blocks.pop()
del blocks
kept = resident()
trim_heap()
print(kept - resident())
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert int(done.stdout) > 30, done.stderr


HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@needs_glibc
@pytest.mark.skipif(
    not HUGE_PAGES.is_file() or "[never]" in HUGE_PAGES.read_text(),
    reason="this kernel gives no huge pages",
)
def test_a_model_is_read_into_huge_pages(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(bytes(4 * 2**20))
    script = f"""
import resource
from pathlib import Path
from runtime.system.memory import reserve_heap
model = Path({str(model)!r})
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
reserve_heap(model)
before = faults()
contents = [bytearray(3 * 2**20) for _ in range(3)]
print(faults() - before)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert int(done.stdout) < 1200, done.stderr  # of 2304 pages, some lie before the first huge one


@needs_glibc
def test_no_heap_is_reserved_under_a_memory_limit(tmp_path: Path) -> None:
    """A limit counts reserved addresses, and the model would have less."""
    model = tmp_path / "model.tflite"
    model.write_bytes(bytes(4 * 2**20))
    script = f"""
import resource
from pathlib import Path
from runtime.system.memory import reserve_heap
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
def size():
    lines = open("/proc/self/status")
    return next(int(line.split()[1]) for line in lines if line.startswith("VmData"))
before = size()
reserve_heap(Path({str(model)!r}))
print(size() - before)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert int(done.stdout) < 1000, done.stderr


@needs_glibc
@pytest.mark.parametrize(("first", "few"), [("keep_freed_memory()", True), ("", False)])
def test_the_memory_of_an_image_is_there_for_the_next_one(first: str, few: bool) -> None:
    script = f"""
import resource
from runtime.system.memory import keep_freed_memory
{first}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def image():
    blocks = [bytearray(b"x") * 600_000 for _ in range(4)]
image()
image()
before = faults()
for _ in range(10):
    image()
print(faults() - before)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (int(done.stdout) < 100) == few, done.stdout + done.stderr


@needs_glibc
def test_a_refused_model_keeps_no_memory(tmp_path: Path) -> None:
    """A camera that tries a bad update goes on with the old model."""
    model = tmp_path / "model.tflite"
    model.write_bytes(bytes(20 * 2**20))
    script = f"""
from runtime.classifier import Classifier
from runtime.errors import InputRefused
def resident():
    lines = open("/proc/self/status")
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmRSS"))
before = resident()
for _ in range(2):
    try:
        Classifier({str(model)!r})
    except InputRefused:
        bytearray(b"x") * (20 * 2**20)
print(resident() - before)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert int(done.stdout) < 15, done.stdout + done.stderr
