"""Runs `python -m runtime install NEW PLACE`, which replaces the bundle in use by a new one."""

import argparse
import glob
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from runtime.classifier import Classifier
from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import (
    CommandParser,
    add_json,
    duration_argument,
    fraction_argument,
    positive_int_argument,
)
from runtime.commands.table import VERBS
from runtime.deployment.checked_copy import describe_check
from runtime.deployment.install import InstallResult, install
from runtime.deployment.signature import SIGNERS
from runtime.errors import DONE, CheckFailed, InputRefused
from runtime.monitor.capture import Capture
from runtime.monitor.shadow import ShadowReport, run_shadow
from runtime.shared.wording import counted
from runtime.sources.base import Source, open_source
from runtime.system.terminal import escape_control_chars, say

NAME = program_name("runtime")
OUTCOMES = {
    "installed": "installed",
    "unchanged": "already there, unchanged",
    "repaired": "was there with damaged or other files, repaired",
    "rolled back": "restored",
}


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = CommandParser(
        prog=f"{NAME} install", description=VERBS["install"].help.capitalize() + "."
    )
    parser.add_argument("new", type=Path, help="the bundle folder that was copied here")
    parser.add_argument("in_use", type=Path, help="the bundle folder in use, or a new path for one")
    parser.add_argument(
        "--allow-downgrade",
        action="store_true",
        help="also install a bundle that was exported before the one in use",
    )
    parser.add_argument(
        "--allow-uncompared",
        action="store_true",
        help="also install a bundle that export has not compared with the one in use (--against)",
    )
    add_signers_argument(parser)
    parser.add_argument(
        "--shadow",
        type=duration_argument,
        metavar="TIME",
        help="first run both bundles on live frames for this time, such as 10m or 1h, and print"
        " where they differ",
    )
    parser.add_argument(
        "--source",
        default="camera:0",
        metavar="SOURCE",
        help="where --shadow takes frames from: a camera, a stream, a clip or a folder",
    )
    parser.add_argument(
        "--max-differ",
        type=fraction_argument,
        default=1.0,
        metavar="FRACTION",
        help="do not install if more of the frames of --shadow get another answer, 0..1",
    )
    parser.add_argument(
        "--threads",
        type=positive_int_argument,
        metavar="N",
        help="interpreter threads (default: the cores allowed)",
    )
    add_json(parser)
    options = parser.parse_args(arguments)
    shadow, reports = None, list[ShadowReport]()
    if options.shadow:
        source = open_source(options.source)
        source.require_package()
        named = source.source_type.address == "file" and source.address != "-"
        if named and not (glob.glob(source.address) or os.path.exists(source.address)):
            raise InputRefused(source.name, "no such file, so --shadow has no frames")
        shadow = partial(_shadow, options, source, reports)
    installed = install(
        options.new,
        options.in_use,
        allow_downgrade=options.allow_downgrade,
        allow_uncompared=options.allow_uncompared,
        signers=chosen_signers(options),
        threads=options.threads,
        before_switch=shadow,
    )
    if shadow and not reports:
        _say(f"--shadow: {options.in_use} had no other bundle to compare with")
    print_result(installed, as_json=options.json, text=lambda: describe_installation(installed))
    return DONE


def add_signers_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --signers, for `chosen_signers`."""
    parser.add_argument(
        "--signers",
        type=Path,
        metavar="FILE",
        help="list of the SSH keys that may sign bundles, in OpenSSH's format; other bundles are"
        f" refused (default: {SIGNERS}, if it exists)",
    )


def chosen_signers(options: argparse.Namespace) -> Path | None:
    """Returns the list of signers; None if there is none on this device."""
    if not (options.signers or os.path.lexists(SIGNERS)):
        return None
    signers: Path = options.signers or SIGNERS
    if not signers.is_file():
        raise InputRefused(str(signers), "no such file, so nobody may sign a bundle")
    return signers


def _shadow(
    options: argparse.Namespace,
    source: Source,
    reports: list[ShadowReport],
    old: Path,
    new: Path,
) -> None:
    """Runs both bundles, and appends what it found to `reports`."""
    in_use, other = (Classifier(path, threads=options.threads) for path in (old, new))
    with Capture(source, report=_say) as capture:
        report = run_shadow(capture, in_use, other, options.shadow, _say)
    if not report.frames:
        raise CheckFailed(source.name, "not installed: no frame came; check the source")
    print_result(report, as_json=options.json, text=lambda: _describe_shadow(report))
    reports.append(report)
    if report.differing > options.max_differ:
        raise CheckFailed(
            str(options.new),
            f"not installed: {report.differing:.1%} of the frames get another answer; at most"
            f" {options.max_differ:.1%} is allowed (--max-differ)",
        )


def _describe_shadow(report: ShadowReport) -> str:
    lines = [
        f"shadow: {counted(report.frames, 'frame')} in {report.seconds:g} s,"
        f" {report.same} with the same answer"
    ]
    lines += [
        f"  {counted(pair.frames, 'frame')}: {pair.old_answer} became {pair.new_answer}"
        for pair in report.changes
    ]
    return "\n".join(lines)


def _say(line: str) -> None:
    say(f"{NAME}: {line}")


def describe_installation(installed: InstallResult) -> str:
    """Returns the bundle in use and the way back, and after an install what was checked."""
    in_use = escape_control_chars(installed.bundle)
    line = f"{in_use}: bundle {installed.bundle_id}"
    if installed.exported:
        line += f", exported {installed.exported}"
    line += f", {OUTCOMES[installed.outcome]}"
    if installed.previous_id:
        line += f"; {installed.previous_id} is kept: {NAME} rollback {in_use}"
    lines = [line]
    if installed.checked:
        lines += describe_check(installed.images, installed.checked, installed.unchecked)
    return "\n".join(lines)
