"""Runs `python -m runtime verify BUNDLE`, which repeats the bundle's golden images here."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import PIL

from runtime.bundles.bundle import EXAMPLES, Bundle
from runtime.bundles.integrity import RECORDS, records_changed
from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, add_interpreter_arguments
from runtime.commands.table import VERBS
from runtime.deployment.verification import Difference, Verification, verify_all
from runtime.errors import CHECK_FAILED, DONE, MachineError
from runtime.shared.wording import counted
from runtime.system.machine import missing_cpu_files
from runtime.system.terminal import escape_control_chars, say

NAME = program_name("runtime")
MAX_NAMES = 5


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = CommandParser(prog=f"{NAME} verify", description=VERBS["verify"].help.capitalize())
    parser.add_argument("bundle", type=Path, help="a bundle folder")
    add_interpreter_arguments(parser, "all that run here")
    options = parser.parse_args(arguments)
    bundle = Bundle.open(options.bundle)
    code = DONE
    for result in verify_all(bundle, options.artifact, options.threads):
        if isinstance(result, MachineError):  # its interpreter is missing; others were checked
            say(f"not checked: {result}")
            continue
        print_result(
            result.to_record(bundle.id),
            as_json=options.json,
            text=partial(describe_verification, result, bundle),
        )
        if not result.passed:
            code = CHECK_FAILED
    if records_changed(bundle):
        records = ", ".join((*RECORDS, EXAMPLES))
        say(
            f"{NAME}: {bundle.path}: changed since export, in one of {records}: "
            "the results above are not reliable; copy the bundle again"
        )
        code = CHECK_FAILED
    missing = missing_cpu_files()
    if missing:
        say(
            f"{NAME}: {missing[0]}: not found, so interpreters guess the processor and may answer "
            "differently; mount /sys"
        )
    return code


def describe_verification(result: Verification, bundle: Bundle) -> str:
    """Returns one line, and one more with advice for each stage that differs."""
    line = (
        f"{result.artifact}: {counted(result.images, 'golden image')}, "
        f"same top-1 {result.same_top1:.1%}, "
        f"worst score difference {result.worst_score_difference:.2g}"
    )
    if result.passed and result.processor:
        processor = escape_control_chars(result.processor)
        return f"{line}: differs as this processor does (as {processor} did in the check at export)"
    if result.passed:
        return f"{line}: as exported"
    names = ", ".join(map(escape_control_chars, result.details[:MAX_NAMES]))
    lines = [f"{line}: DIFFERS at the stage '{result.stage}' on {len(result.details)}: {names}"]
    lines += [_describe_difference(difference, bundle) for difference in result.differences]
    return "\n  ".join(lines)


def _describe_difference(difference: Difference, bundle: Bundle) -> str:
    mean, worst = difference.mean, difference.worst
    if mean is None:
        size = "the size of the difference is unknown"
    elif difference.stage == "model":
        size = f"scores differ by {mean:.2g} on average, at most {worst:.2g}"
    else:
        size = (
            f"pixels at the model's input differ by {mean:.2g} on average, "
            f"at most {worst:.0f} of 255"
        )
    images = counted(len(difference.image_names), "image")
    return f"{difference.stage}: {images}, {size}; {_advice(difference.stage, bundle)}"


def _advice(stage: str, bundle: Bundle) -> str:
    if stage == "file":
        return "changed since export: copy the bundle again"
    if stage == "model":
        path = escape_control_chars(str(bundle.path))
        return f"see how this machine differs: {NAME} doctor {path}"
    versions = bundle.manifest.provenance.get("versions")
    exported_with = versions.get("pillow") if isinstance(versions, dict) else None
    if not exported_with:
        return f"Pillow is {PIL.__version__} here"
    version = escape_control_chars(str(exported_with))
    return f"Pillow is {PIL.__version__} here and was {version} at export"
