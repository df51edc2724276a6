"""Defines the errors that a user can cause or meet, and the exit codes.

    QuinceError
    ├── InputRefused     2   a file, folder or option cannot be used as it is
    │   └── ImageRefused   one image: the other images of a folder are still used
    ├── CheckFailed      3   parity, verify or accuracy is below its limit, or a number is NaN
    └── MachineError     4   a package, disk, device or permission is missing

Each error names a thing and gives one reason: what was expected, what was found, what to do next.
Any other exception that reaches the top is a bug of ours: exit code 1, with a traceback.
"""

import errno
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

DONE, BUG, REFUSED, CHECK_FAILED, MACHINE = 0, 1, 2, 3, 4
PIPE_CLOSED, INTERRUPTED = 141, 130
"""What a shell reports of a process that SIGPIPE or SIGINT ended."""

OF_THE_MACHINE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""Failures of a file access that the machine causes, not the file or folder that the user named."""


class QuinceError(Exception):
    """Prints as `thing: reason` on one line; the command line ends with its `exit_code`.

    details: what a command prints besides with --json.
    """

    exit_code = BUG
    details: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, thing: str, reason: str) -> None:
        super().__init__(thing, reason)
        self.thing = thing
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.thing}: {self.reason}"


class InputRefused(QuinceError):
    """A file, folder or option cannot be used as it is."""

    exit_code = REFUSED


class ImageRefused(InputRefused):
    """One image cannot be used; other images still can."""


class CheckFailed(QuinceError):
    """A check failed: the work is done, and its result is not good enough."""

    exit_code = CHECK_FAILED


class MachineError(QuinceError):
    """This machine lacks something: a package, disk space, a device, a permission."""

    exit_code = MACHINE


@contextmanager
def naming(thing: str | Path, template: str = "{}") -> Generator[None, None, None]:
    """Lets every QuinceError from its block name `thing`; the error keeps its type.

    Code that reads a part of a file does not know the file's name; its caller does.

    Args:
        thing: a file, folder or option.
        template: the new reason, in which {} stands for the old one.
    """
    try:
        yield
    except QuinceError as error:
        raise type(error)(str(thing), template.replace("{}", error.reason)) from error


def failed_access(thing: str, error: OSError) -> QuinceError:
    """Returns the error for a file or folder that cannot be read.

    It is a MachineError for permissions and broken disks, else an InputRefused.
    """
    kind = MachineError if error.errno in OF_THE_MACHINE else InputRefused
    return kind(thing, error.strerror or str(error))
