"""python -m runtime verify BUNDLE: repeats the bundle's golden samples here."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import PIL

from runtime import cli
from runtime.bundle import Bundle
from runtime.bundle_records import PARTS, records_changed
from runtime.commands import VERBS
from runtime.errors import MachineError
from runtime.machine import missing_cpu_files
from runtime.verification import Difference, Verification, verify_all

NAME = cli.program("runtime")
NAMED = 5


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} verify", description=VERBS["verify"].help.capitalize())
    parser.add_argument("bundle", type=Path, help="a bundle folder")
    cli.add_interpreter_arguments(parser, "all that run here")
    options = parser.parse_args(arguments)
    bundle = Bundle.open(options.bundle)
    code = cli.DONE
    for result in verify_all(bundle, options.artifact, options.threads):
        if isinstance(result, MachineError):  # its interpreter is not installed; the others were checked
            cli.say(f"not checked: {result}")
            continue
        derived = {"state": result.state, "stage": result.stage, "details": result.details, "passed": result.passed}
        record = {**asdict(result), **derived, "bundle": bundle.id}
        cli.show(record, as_json=options.json, text=partial(describe, result, bundle))
        code = max(code, cli.DONE if result.passed else cli.CHECK_FAILED)
    if records_changed(bundle):
        parts = ", ".join(PARTS)
        cli.say(
            f"{NAME}: {bundle.path}: changed since export, in one of {parts}: what is said above cannot be relied on; copy the bundle again"
        )
        code = cli.CHECK_FAILED
    if missing := missing_cpu_files():
        cli.say(f"{NAME}: {missing[0]}: not there, so interpreters guess the processor and may answer differently; mount /sys")
    return code


def describe(result: Verification, bundle: Bundle) -> str:
    """One line, and where it is not as exported one more for each stage, with what to do."""
    what = f"{result.artifact}: {result.pictures} golden picture{'s' if result.pictures > 1 else ''}, same top-1 {result.same_top1:.1%}"
    what += f", worst score difference {result.worst_score_difference:.2g}"
    if result.passed and result.processor:
        return f"{what}: differs as this processor does (as {cli.printable(result.processor)} did in the check at export)"
    if result.passed:
        return f"{what}: as exported"
    names = ", ".join(map(cli.printable, result.details[:NAMED]))
    lines = [f"{what}: DIFFERS at the stage '{result.stage}' on {len(result.details)}: {names}"]
    return "\n  ".join(lines + [_line(difference, bundle) for difference in result.differences])


def _line(difference: Difference, bundle: Bundle) -> str:
    pictures = f"{len(difference.pictures)} picture{'s' if len(difference.pictures) > 1 else ''}"
    if difference.mean is None:
        by = "by how much is not known"
    elif difference.stage == "model":
        by = f"scores differ by {difference.mean:.2g} on average, at most {difference.worst:.2g}"
    else:
        by = f"pixels at the model's input differ by {difference.mean:.2g} on average, at most {difference.worst:.0f} of 255"
    return f"{difference.stage}: {pictures}, {by}; {_advice(difference.stage, bundle)}"


def _advice(stage: str, bundle: Bundle) -> str:
    if stage == "file":
        return "changed since export: copy the bundle again"
    if stage == "model":
        return f"what this machine lacks or does otherwise: {NAME} doctor {cli.printable(str(bundle.path))}"
    versions = bundle.manifest.provenance.get("versions")
    then = versions.get("pillow") if isinstance(versions, dict) else None
    return f"Pillow is {PIL.__version__} here{f' and was {cli.printable(str(then))} at export' if then else ''}"
