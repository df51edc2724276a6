"""Tests interpreters that work, crash, hang, lack something, or answer wrong scores."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.commands.doctor import interpreters
from runtime.commands.doctor.finding import Finding
from runtime.commands.doctor.interpreter_probe import SCORES
from runtime.commands.doctor.interpreters import (
    INTERPRETERS,
    examine_interpreters,
    judge_interpreter,
)
from runtime.system.subprocesses import ChildResult, ask_child

LITERT, TFLITE_RUNTIME, ORT = INTERPRETERS
ANSWERS = f"""
import numpy as np
class SessionOptions: pass
class InferenceSession:
    def __init__(self, *arguments, **options): pass
    def run(self, *arguments): return [np.array([SCORES])]
SCORES = {SCORES}
"""


@pytest.fixture
def with_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Finding]:
    """Returns the finding for a package onnxruntime with this source, which hides the real one."""

    def judge(source: str) -> Finding:
        (tmp_path / "onnxruntime").mkdir()
        (tmp_path / "onnxruntime/__init__.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return judge_interpreter(
            ORT, ask_child(interpreters.interpreter_probe.__file__, ORT.module, timeout_s=20)
        )

    return judge


def test_installed_interpreters_work_here() -> None:
    assert [(finding.topic, finding.level) for finding in examine_interpreters()] == [
        ("interpreter", "ok")
    ] * 2


def test_package_with_the_computed_scores_works(with_package) -> None:
    assert with_package(ANSWERS).level == "ok"


@pytest.mark.parametrize(
    ("source", "found", "do"),
    [
        (
            "import os; os.kill(os.getpid(), 4)",
            "an illegal instruction (SIGILL): it is built for",
            "pip install 'onnxruntime!=",
        ),
        (
            "import os; os.kill(os.getpid(), 11)",
            "dies of signal 11 (Segmentation fault)",
            "--force-reinstall onnxruntime",
        ),
        (
            "raise ImportError('libgomp.so.1: cannot open shared object file')",
            "ImportError: libgomp.so.1: cannot",
            "--force-reinstall",
        ),
        (
            "raise AttributeError('_ARRAY_API not found')",
            "built for another numpy than 2.",
            "pip install 'numpy<2'",
        ),
        ("print('hello'); raise SystemExit(3)", "ends with exit code 3", "--force-reinstall"),
        ("print('[]'); raise SystemExit(0)", "ends with exit code 0", "--force-reinstall"),
    ],
)
def test_package_that_does_not_work_is_a_problem_with_its_remedy(
    with_package, source: str, found: str, do: str
) -> None:
    finding = with_package(source)
    assert finding.level == "problem"
    assert found in finding.found
    assert do in finding.do


@pytest.mark.parametrize("scores", ["(0.8, 0.1, 0.1)", "(float('nan'),) * 3"])
def test_package_with_wrong_scores_is_a_warning(with_package, scores: str) -> None:
    finding = with_package(ANSWERS + f"SCORES = {scores}")
    assert finding.level == "warning"
    assert "wrong by" in finding.found


def test_package_that_hangs_is_killed(tmp_path: Path) -> None:
    (tmp_path / "hang.py").write_text("import time; time.sleep(60)")
    result = ask_child(tmp_path / "hang.py", timeout_s=0.5)
    assert result == ChildResult(reason="has not ended after 0 s", timed_out=True)


def test_wrong_numpy_for_tflite_runtime_is_reported() -> None:
    """Uses the last lines that tflite-runtime 2.14 writes beside numpy 2."""
    errors = (
        "AttributeError: _ARRAY_API not found\n"
        "SystemError: <built-in method X> returned a result with an exception set"
    )
    finding = judge_interpreter(
        TFLITE_RUNTIME, ChildResult(reason=errors.splitlines()[-1], errors=errors)
    )
    assert finding.level == "problem"
    assert "tflite-runtime" in finding.found
    assert finding.do.startswith("pip install ai-edge-litert instead")


def test_no_interpreter_is_a_problem_with_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "INTERPRETERS", (LITERT, TFLITE_RUNTIME, ORT))
    monkeypatch.setattr("runtime.backends.installed.find_spec", lambda name: None)
    (finding,) = examine_interpreters()
    assert finding.level == "problem"
    assert "pip install ai-edge-litert" in finding.do
