"""The errors a user can cause or meet, and the exit code of each.

    QuinceError
    ├── InputRefused     2   a file, folder or option that cannot be used as given
    │   └── PictureRefused   one picture: the rest of a folder goes on without it
    ├── CheckFailed      3   parity, verify or accuracy below its limit; NaN where a number belongs
    └── MachineError     4   a package, disk, device or permission is missing

Each carries the thing it speaks of and one sentence: what was expected, what was found, what to do next.
Anything else that reaches the top is a bug of ours: exit 1, with a traceback.
"""

import errno

OF_THE_MACHINE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)


class QuinceError(Exception):
    """`thing: reason`, on one line; `exit_code` is what the command line ends with."""

    exit_code = 1

    def __init__(self, thing: str, reason: str) -> None:
        super().__init__(thing, reason)
        self.thing = thing
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.thing}: {self.reason}"


class InputRefused(QuinceError):
    """A file, folder or option cannot be used as given."""

    exit_code = 2


class PictureRefused(InputRefused):
    """One picture cannot be used; others may."""


class CheckFailed(QuinceError):
    """A check said no: the work is done, the result is not good enough."""

    exit_code = 3


class MachineError(QuinceError):
    """Something this machine lacks: a package, disk space, a device, a permission."""

    exit_code = 4


def failed_access(thing: str, error: OSError) -> QuinceError:
    """What it means that a file or folder cannot be read: MachineError for permissions and broken disks, else InputRefused."""
    kind = MachineError if error.errno in OF_THE_MACHINE else InputRefused
    return kind(thing, error.strerror or str(error))
