"""Whether a bundle or model file can run here, and which operator an interpreter lacks for it."""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.backends import BACKENDS
from runtime.bundle import Bundle
from runtime.doctor.child import Outcome, run_child
from runtime.doctor.finding import Finding
from runtime.errors import InputRefused, MachineError
from runtime.model_file import read_model_file

LACKS_PACKAGE = re.compile(r" needs the package '\S+'$")
COPY, SEE = "copy the bundle again", "see the interpreter above"


@dataclass(frozen=True)
class Complaint:
    """Words by which an interpreter names what it lacks: what to make of them, and what to do."""

    pattern: re.Pattern[str]
    found: str
    do: str


COMPLAINTS = (
    Complaint(
        re.compile(r"builtin opcode '(\w+)' version '(\d+)'"),
        "needs the operator {0} in version {1}, which this interpreter does not have",
        "update the interpreter, or export for it: python -m export tflite RUN --target tflite-runtime==2.14",
    ),
    Complaint(
        re.compile(r"unresolved custom op: (\S+?)[.,]*(?: |$)"),
        "needs the custom operator {0}, which this interpreter does not have",
        "export it without: python -m export tflite RUN",
    ),
    Complaint(
        re.compile(r"newer than this version reads: (\S+) to opset (\d+)"),
        "needs newer operators than this ONNX Runtime has, which reads {0} to opset {1}",
        "pip install --upgrade onnxruntime, or export it again: python -m export onnx RUN",
    ),
)


def examine_model(path: Path) -> tuple[list[Finding], bool]:
    """One finding for each model file of a bundle, or of the one file at `path`; and whether one of them runs here.

    Raises:
        InputRefused: no bundle and no model file, or a bundle without models.
    """
    if not os.path.isdir(path):
        read_model_file(path)
        if path.suffix not in BACKENDS:
            raise InputRefused(str(path), f"expected a model file ending in {' or '.join(BACKENDS)}")
        finding = judge(path.name, run_child("-m", "runtime.doctor.trial", path))
        return [finding], finding.level == "ok"
    bundle = Bundle.open(path)
    found = []
    for artifact in bundle.exported():
        try:
            bundle.read(artifact)
        except InputRefused as error:
            found.append(Finding("model", "problem", f"{artifact.file}: {error.reason}", COPY))
            continue
        found.append(judge(artifact.file, run_child("-m", "runtime.doctor.trial", path / artifact.file)))
    if not any(finding.level == "ok" for finding in found):
        return found, False
    return [_as_note(finding) if LACKS_PACKAGE.search(finding.found) else finding for finding in found], True


def _as_note(finding: Finding) -> Finding:
    return replace(finding, level="note", found=f"{finding.found}; another file of the bundle runs here")


def judge(file: str, outcome: Outcome) -> Finding:
    """What came of loading and running a model file."""
    if not outcome.worked:
        return Finding("model", "problem", f"{file}: its interpreter {outcome.reason}", f"{SEE}; if that works, {COPY}")
    if "reason" not in outcome.answer:
        load_ms, run_ms = outcome.answer["load_ms"], outcome.answer["run_ms"]
        return Finding("model", "ok", f"{file} runs here (loaded in {load_ms:.0f} ms, {run_ms:.1f} ms a picture, 1 thread)")
    reason = str(outcome.answer["reason"])
    for complaint in COMPLAINTS:
        if match := complaint.pattern.search(reason):
            return Finding("model", "problem", f"{file} {complaint.found.format(*match.groups())}", complaint.do)
    if install := re.search(r"^(needs the package '\S+')\. Install it with: (.*)$", reason):
        return Finding("model", "problem", f"{file} {install[1]}", install[2])
    do = SEE if outcome.answer["exit_code"] == MachineError.exit_code else "copy it again, or export it again"
    return Finding("model", "problem", f"{file}: {reason}", do)
