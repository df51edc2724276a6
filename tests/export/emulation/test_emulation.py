"""The emulated device: what is known of processors and systems without running one."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.emulation import rootfs
from export.emulation.devices import DEVICES, choose_device
from export.emulation.emulated_python import write_machine_files
from export.emulation.processors import PROCESSORS, cpuinfo
from export.emulation.rootfs import root_folder
from export.emulation.systems import SYSTEMS
from runtime.errors import InputRefused, MachineError
from runtime.system.cpu_model import find_cpu_name
from runtime.system.machine import missing_cpu_files, read_machine


@pytest.mark.parametrize("name", sorted(PROCESSORS))
def test_cpuinfo_is_read_as_that_processor(name: str) -> None:
    assert find_cpu_name(cpuinfo(PROCESSORS[name], 2)) == name.title()
    assert cpuinfo(PROCESSORS[name], 3).count("processor\t:") == 3


def test_only_the_newest_has_the_dot_product() -> None:
    assert [
        name for name, processor in PROCESSORS.items() if "asimddp" in processor.features.split()
    ] == ["cortex-a76"]


def test_machine_files_are_all_that_interpreters_ask_for(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    assert missing_cpu_files(tmp_path) != ()
    write_machine_files(tmp_path, PROCESSORS["cortex-a53"], 4)
    assert missing_cpu_files(tmp_path) == ()
    machine = read_machine(tmp_path)
    assert (machine.cpu_model, machine.cores_present) == ("Cortex-A53", 4)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause before another try."""
    monkeypatch.setattr(rootfs, "PAUSE_S", 0)


def test_packages_are_those_installed_here_to_the_version() -> None:
    pinned = DEVICES["cortex-a72"].packages({"tflite", "onnx"})
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", package) for package in pinned), pinned
    assert {package.split("==")[0] for package in pinned} >= {
        "numpy",
        "pillow",
        "ai-edge-litert",
        "onnxruntime",
    }
    assert DEVICES["armv7l"].packages({"tflite"}) == ["tflite-runtime==2.14.0"]


def test_the_architecture_means_its_usual_processor() -> None:
    assert choose_device("aarch64") is choose_device("cortex-a72")


def test_versions_are_of_what_runs_these_files_only() -> None:
    assert set(DEVICES["cortex-a72"].versions({"tflite"})) == {"numpy", "pillow", "ai-edge-litert"}


def test_what_nothing_runs_there_is_refused() -> None:
    with pytest.raises(InputRefused, match="--device-check: nothing runs onnx files on 32-bit ARM"):
        DEVICES["armv7l"].packages({"onnx", "tflite"})
    with pytest.raises(InputRefused, match="cortex-a72"):
        choose_device("cortex-a27")


def test_a_missing_program_is_one_line_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MachineError, match="sudo apt install mmdebstrap") as refusal:
        root_folder(SYSTEMS["trixie"])
    assert refusal.value.exit_code == 4


def test_a_build_that_fails_says_why_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(MachineError, match="cannot be downloaded: .* no-such-package-of-anybody"):
        rootfs.site_folder(SYSTEMS["bookworm"], ["no-such-package-of-anybody==1"])
    assert list((tmp_path / "quince" / "emulated").iterdir()) == []


def test_a_full_disk_and_a_missing_network_are_called_so() -> None:
    for said, cause in (
        ("tar: x: Cannot write: No space left on device", "full"),
        ("WARNING: connection broken by 'Refused'", "reached"),
    ):
        with pytest.raises(
            MachineError,
            match=f"Debian: cannot be downloaded: the .*{cause}: sh ended with exit code 7 and"
            " printed: ERROR: none",
        ):
            rootfs._run(["sh", "-c", 'echo "$0\nERROR: none" >&2; exit 7', said], "Debian")


def test_a_program_that_hangs_up_its_process_group_does_not_take_us_along() -> None:
    """As mmdebstrap does when the disk is full; these tests may run under nohup."""
    hang_up = ["env", "--default-signal=HUP", "sh", "-c", "kill -HUP 0; sleep 60"]
    assert rootfs.run_in_own_group(hang_up, os.environ) == (-signal.SIGHUP, "")


def test_a_program_cleans_up_and_what_it_started_ends_when_we_are_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'mkdir $0; sleep 600 & trap "rm -r $0; exit 1" TERM; echo $! > $0.started; wait'
    scratch, started = tmp_path / "scratch", tmp_path / "scratch.started"
    communicate = subprocess.Popen.communicate

    def interrupted_once_it_is_at_work(process: Any, timeout: float | None = None) -> Any:
        if timeout is not None:
            return communicate(process, timeout=timeout)
        wait_for(lambda: started.exists() and started.read_text().endswith("\n"))
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted_once_it_is_at_work)
    with pytest.raises(KeyboardInterrupt):
        rootfs.run_in_own_group(["sh", "-c", script, str(scratch)], os.environ)
    assert not scratch.exists()
    wait_for(lambda: not is_running(int(started.read_text())))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(process: int) -> bool:
    """Reads the state of a process; one that has ended may still wait, as Z, to be reaped."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "State:\tZ" not in status
