"""python -m runtime doctor [MODEL]: explains this machine."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from runtime import cli
from runtime.commands import VERBS
from runtime.doctor.diagnosis import Diagnosis, diagnose

NAME = cli.program("runtime")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} doctor", description=VERBS["doctor"].help.capitalize())
    parser.add_argument("model", type=Path, nargs="?", help="a bundle folder, or one .tflite or .onnx file: can it run here?")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--root", type=Path, default=Path("/"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    diagnosis = diagnose(options.model, options.root)
    cli.show(asdict(diagnosis), as_json=options.json, text=lambda: describe(diagnosis, options.model))
    return cli.DONE if diagnosis.runs else cli.MACHINE


def describe(diagnosis: Diagnosis, model: Path | None) -> str:
    """A line for each finding, one below it for what to do, and the verdict."""
    lines = []
    for finding in diagnosis.findings:
        lines.append(f"{finding.level:8}{finding.topic}: {cli.printable(finding.found)}")
        if finding.do:
            lines.append(f"        -> {cli.printable(finding.do)}")
    what = cli.printable(str(model)) if model else "a bundle with a file for an interpreter that works"
    return "\n".join([*lines, f"{what} {'can' if diagnosis.runs else 'CANNOT'} run here"])
