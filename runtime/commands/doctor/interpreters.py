"""Examines the installed interpreters: each runs a tiny network in a process of its own."""

import numpy as np

from runtime.backends.installed import INTERPRETERS, InterpreterPackage
from runtime.commands.doctor import interpreter_probe
from runtime.commands.doctor.finding import Finding, Level
from runtime.system.provenance import versions
from runtime.system.subprocesses import LOAD_TIMEOUT_S, ChildResult, ask_child

MAX_SCORE_ERROR = 0.05
"""LiteRT's int8 scores differ by 0.01 from the float network's on x86-64, a wrong kernel's more."""
NUMPY_ABI_ERRORS = (
    "_ARRAY_API not found",
    "compiled using NumPy 1",
    "numpy.core.multiarray failed to import",
    "numpy.dtype size changed",
)
"""Parts of the errors of a package that was built for another numpy."""


def examine_interpreters() -> list[Finding]:
    """Returns one finding for each installed package, and a problem if none works."""
    findings = [_examine(interpreter) for interpreter in INTERPRETERS if interpreter.installed]
    if not any(finding.level in ("ok", "warning") for finding in findings):
        litert, _, ort = INTERPRETERS
        findings.append(
            _finding(
                "problem",
                "none works here, so no model can run",
                f"pip install {litert.distribution} (for .tflite files) "
                f"or pip install {ort.distribution} (for .onnx files)",
            )
        )
    return findings


def _examine(interpreter: InterpreterPackage) -> Finding:
    probe = interpreter_probe.__file__
    result = ask_child(probe, interpreter.module, timeout_s=LOAD_TIMEOUT_S)
    return judge_interpreter(interpreter, result)


def judge_interpreter(interpreter: InterpreterPackage, result: ChildResult) -> Finding:
    """Returns the finding for a child process that ran the tiny network."""
    package = interpreter.distribution
    version = versions(package).get(package, "of unknown version")
    name = f"{package} {version}"
    if result.answered:
        return _judge_scores(interpreter, name, result)
    if any(error in result.errors for error in NUMPY_ABI_ERRORS):
        return _finding(
            "problem",
            f"{name} is built for another numpy than {np.__version__}, which is installed",
            f"{_alternative(interpreter)}, or in an environment of its own: pip install 'numpy<2'",
        )
    if "SIGILL" in result.reason:
        return _finding("problem", f"{name} {result.reason}", f"pip install '{package}!={version}'")
    return _finding(
        "problem",
        f"{name} is installed, but does not work: {result.reason}",
        f"pip install --force-reinstall {package}, or {_alternative(interpreter)}",
    )


def _judge_scores(interpreter: InterpreterPackage, name: str, result: ChildResult) -> Finding:
    differences = np.subtract(result.answer["scores"], interpreter_probe.SCORES)
    error = float(np.abs(differences).max())
    if not error < MAX_SCORE_ERROR:  # also NaN
        return _finding(
            "warning",
            f"{name} runs, but its scores of a tiny network are wrong by {error:.2g}",
            "install another version of it, and run verify on each bundle; "
            f"{_alternative(interpreter)}",
        )
    seconds = result.answer["import_s"] + result.answer["run_s"]
    return _finding(
        "ok",
        f"{name} works (runs {interpreter.suffix} files; "
        f"import and a tiny network: {seconds:.2f} s)",
    )


def _finding(level: Level, found: str, do: str = "") -> Finding:
    return Finding("interpreter", level, found, do)


def _alternative(interpreter: InterpreterPackage) -> str:
    first, last = INTERPRETERS[0], INTERPRETERS[-1]
    alternative = last if interpreter is first else first
    return f"pip install {alternative.distribution} instead"
