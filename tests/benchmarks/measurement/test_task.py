"""Tests that an error in the measuring process becomes an error of its parent."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from benchmarks.measurement.task import Task, measure_in_child
from benchmarks.measurement.timing import Rule
from runtime.errors import InputRefused, MachineError

LONG = Rule(iterations=1, min_seconds=100, max_seconds=None)


def test_refusal_of_the_measuring_process_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"none\.tflite: no such file"):
        measure_in_child(Task(str(tmp_path / "none.tflite"), "", 1, (), LONG))


def test_killed_measuring_process_is_the_machines_fault(exported: Path) -> None:
    def children() -> set[str]:
        return set(Path(f"/proc/self/task/{main}/children").read_text().split())

    def kill() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if new := children() - before:
                os.kill(int(new.pop()), signal.SIGKILL)
                return
            time.sleep(0.02)

    main = threading.get_native_id()
    before = children()  # another test may have left one
    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(
        MachineError, match=r"model\.int8\.tflite: .*ended by signal 9; was there too little memory"
    ):
        measure_in_child(Task(str(exported), "model.int8.tflite", 1, (), LONG))
    killer.join()


def test_folder_the_user_stands_in_cannot_take_the_place_of_our_packages(
    tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "benchmarks.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputRefused, match="no such file"):
        measure_in_child(Task("none.onnx", "", 1, (), LONG))
