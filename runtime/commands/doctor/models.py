"""Examines whether a bundle or model file can run here, and names missing operators."""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.backends.base import BACKENDS
from runtime.bundles.bundle import Bundle
from runtime.commands.doctor.finding import Finding
from runtime.errors import InputRefused, MachineError
from runtime.file_formats.read_model_file import read_model_file
from runtime.system.subprocesses import LOAD_TIMEOUT_S, ChildResult, ask_child

MODEL_LOAD = "runtime.commands.doctor.model_load"
LACKS_PACKAGE = re.compile(r" needs the package '\S+'$")
COPY_ADVICE = "copy the bundle again"
INTERPRETER_ADVICE = "see the interpreter above"


@dataclass(frozen=True)
class KnownProblem:
    """A pattern of an interpreter's error, and templates of the finding and the advice for it."""

    pattern: re.Pattern[str]
    found: str
    do: str


KNOWN_PROBLEMS = (
    KnownProblem(
        re.compile(r"builtin opcode '(\w+)' version '(\d+)'"),
        "needs the operator {0} in version {1}, which this interpreter does not have",
        "update the interpreter, or export for it: "
        "python -m export tflite RUN --target tflite-runtime==2.14",
    ),
    KnownProblem(
        re.compile(r"unresolved custom op: (\S+?)[.,]*(?: |$)"),
        "needs the custom operator {0}, which this interpreter does not have",
        "export it without that operator: python -m export tflite RUN",
    ),
    KnownProblem(
        re.compile(r"newer than this version reads: (\S+) to opset (\d+)"),
        "needs newer operators than this ONNX Runtime has, which reads {0} to opset {1}",
        "pip install --upgrade onnxruntime, or export it again: python -m export onnx RUN",
    ),
)


def examine_model(path: Path) -> tuple[list[Finding], bool]:
    """Returns one finding for each model file at `path`, and whether one of them runs here.

    Raises:
        InputRefused: neither a bundle nor a model file, or a bundle without models.
    """
    if os.path.isdir(path):
        return _examine_bundle(path)
    read_model_file(path)
    if path.suffix not in BACKENDS:
        raise InputRefused(str(path), f"expected a model file ending in {' or '.join(BACKENDS)}")
    finding = _try_model(path)
    return [finding], finding.level == "ok"


def _examine_bundle(path: Path) -> tuple[list[Finding], bool]:
    bundle = Bundle.open(path)
    findings = []
    for artifact in bundle.exported():
        try:
            bundle.read(artifact)
        except InputRefused as error:
            findings.append(_problem(f"{artifact.file}: {error.reason}", COPY_ADVICE))
        else:
            findings.append(_try_model(path / artifact.file))
    if not any(finding.level == "ok" for finding in findings):
        return findings, False
    return [_as_note_without_package(finding) for finding in findings], True


def _as_note_without_package(finding: Finding) -> Finding:
    if not LACKS_PACKAGE.search(finding.found):
        return finding
    found = f"{finding.found}; another file of the bundle runs here"
    return replace(finding, level="note", found=found)


def _try_model(file: Path) -> Finding:
    result = ask_child("-m", MODEL_LOAD, file, timeout_s=LOAD_TIMEOUT_S)
    return judge_model(file.name, result)


def judge_model(file: str, result: ChildResult) -> Finding:
    """Returns the finding for a child process that loaded and ran a model file."""
    if not result.answered:
        return _problem(
            f"{file}: its interpreter {result.reason}",
            f"{INTERPRETER_ADVICE}; if that works, {COPY_ADVICE}",
        )
    answer = result.answer
    if "reason" not in answer:
        times = f"loaded in {answer['load_ms']:.0f} ms, {answer['run_ms']:.1f} ms per image"
        return Finding("model", "ok", f"{file} runs here ({times}, 1 thread)")
    reason = str(answer["reason"])
    for problem in KNOWN_PROBLEMS:
        match = problem.pattern.search(reason)
        if match:
            return _problem(f"{file} {problem.found.format(*match.groups())}", problem.do)
    install = re.search(r"^(needs the package '\S+')\. Install it with: (.*)$", reason)
    if install:
        return _problem(f"{file} {install[1]}", install[2])
    if answer["exit_code"] == MachineError.exit_code:
        return _problem(f"{file}: {reason}", INTERPRETER_ADVICE)
    return _problem(f"{file}: {reason}", "copy it again, or export it again")


def _problem(found: str, do: str) -> Finding:
    return Finding("model", "problem", found, do)
