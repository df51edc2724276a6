"""Builds the command line that repeats a piece of work, for its report."""

import shlex
from collections.abc import Sequence
from pathlib import Path

NOT_REPEATED = ("--json", "--overwrite")
"""Options without a value that do not change the result."""


def rerun_command(
    package: str, arguments: Sequence[str], omitted: Sequence[str] = NOT_REPEATED
) -> str:
    """Returns the command that repeats what `package` did with `arguments`.

    It leaves out the options `omitted`, and names no folder of this machine: only the last part of
    an absolute path stays.
    """
    repeated = [_without_folder(argument) for argument in arguments if argument not in omitted]
    return shlex.join(["python", "-m", package, *repeated])


def _without_folder(argument: str) -> str:
    prefix, value = "", argument
    if argument.startswith("-"):
        option, equals, value = argument.partition("=")
        prefix = option + equals
    if Path(value).is_absolute():
        value = Path(value).name
    return prefix + value
