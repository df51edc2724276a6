"""Runs `python -m runtime doctor [MODEL]`, which explains this machine."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, add_earlier_name, add_json
from runtime.commands.doctor.diagnose import Diagnosis, diagnose
from runtime.commands.table import VERBS
from runtime.errors import DONE, MACHINE
from runtime.system.terminal import escape_control_chars

NAME = program_name("runtime")


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = CommandParser(
        prog=f"{NAME} doctor", description=VERBS["doctor"].help.capitalize() + "."
    )
    parser.add_argument(
        "model",
        type=Path,
        nargs="?",
        help="a bundle folder, or one .tflite or .onnx file: can it run here?",
    )
    add_json(parser)
    parser.add_argument(
        "--sysfs-root", type=Path, default=Path("/"), metavar="DIR", help=argparse.SUPPRESS
    )
    add_earlier_name(parser, "--root", "--sysfs-root")
    options = parser.parse_args(arguments)
    diagnosis = diagnose(options.model, options.sysfs_root)
    print_result(
        asdict(diagnosis),
        as_json=options.json,
        text=lambda: describe_diagnosis(diagnosis, options.model),
    )
    return DONE if diagnosis.can_run else MACHINE


def describe_diagnosis(diagnosis: Diagnosis, model: Path | None) -> str:
    """Returns a line for each finding, one below it with advice, and the verdict."""
    lines = []
    for finding in diagnosis.findings:
        lines.append(f"{finding.level:8}{finding.topic}: {escape_control_chars(finding.found)}")
        if finding.do:
            lines.append(f"        -> {escape_control_chars(finding.do)}")
    subject = "a bundle with a file for a working interpreter"
    if model:
        subject = escape_control_chars(str(model))
    lines.append(f"{subject} {'can' if diagnosis.can_run else 'CANNOT'} run here")
    return "\n".join(lines)
