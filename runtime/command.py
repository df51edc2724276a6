"""The command that made something, as its report tells it."""

import shlex
from collections.abc import Sequence
from pathlib import Path

NOT_TOLD = ("--json", "--overwrite")
"""Options without a value that change nothing about what is made."""


def command_line(package: str, words: Sequence[str], not_told: Sequence[str] = NOT_TOLD) -> str:
    """What to type to make it again, where `package` was given `words`, without the options `not_told`.

    It names no folder of this machine: of an absolute path the last part stays.
    """
    return shlex.join(["python", "-m", package, *(_without_folders(word) for word in words if word not in not_told)])


def _without_folders(word: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    return f"{option}{equals}{Path(value).name if Path(value).is_absolute() else value}"
