"""Writes to the terminal, and keeps what C libraries print away from it.

Interpreters and converters log to the file descriptors 1 and 2 directly.
"""

import os
import sys
from _thread import RLock
from collections.abc import Generator
from contextlib import contextmanager, suppress

_lock = RLock()
"""Reentrant, since a signal handler may print while this thread is in here."""
_silenced: dict[int, tuple[int, int]] = {}
"""A copy of each silenced file descriptor that leads where it led, and its open `quiet` blocks."""


@contextmanager
def quiet(*descriptors: int) -> Generator[None, None, None]:
    """Sends file descriptors nowhere for all threads (default: 2, standard error).

    Python's own streams are flushed first. Blocks may be nested or open in several threads at once;
    `write_stderr` still reaches the terminal. QUINCE_DEBUG=1 shows what is hidden.
    """
    if os.environ.get("QUINCE_DEBUG"):
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    silenced = []
    try:
        for descriptor in descriptors or (2,):
            _silence(descriptor)
            silenced.append(descriptor)
        yield
    finally:
        sys.stdout.flush()
        for descriptor in silenced:
            _restore(descriptor)


def say(line: str, *, escaped: bool = False) -> None:
    """Writes one line to standard error, with control characters escaped, unless they are already.

    Nothing can be reported where standard error itself is full or closed.
    """
    with suppress(OSError):
        write_stderr(line if escaped else escape_control_chars(line))


def write_stderr(line: str) -> None:
    """Writes a line to where standard error led before any `quiet` block of any thread."""
    if sys.stderr is None:  # closed by whoever started this process
        return
    descriptor = -1
    with suppress(OSError, ValueError):  # a stream of a test has none
        descriptor = sys.stderr.fileno()
    with _lock:
        if descriptor in _silenced:
            copy = _silenced[descriptor][0]
            os.write(copy, f"{line}\n".encode(errors="backslashreplace"))
        else:
            print(line, file=sys.stderr, flush=True)


def escape_control_chars(text: str) -> str:
    r"""Returns the text with control characters, line breaks and undecodable bytes escaped.

    The result is safe on a terminal and stays on one line. A backslash becomes two (on Windows,
    where no name holds one, it stays), so the text can be recovered: a name with a line break ends
    as `a\nb`, and a name with a backslash and an n as `a\\nb`.
    """
    return escape_unprintable(text if os.sep == "\\" else text.replace("\\", r"\\"))


def escape_unprintable(text: str) -> str:
    """Returns the text on one line like `escape_control_chars`, but with its backslashes kept.

    It suits names that other programs read, where a printable name has to stay as it is.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def _silence(descriptor: int) -> None:
    """Keeps the table right at each step, for a signal handler that prints between two of them."""
    with _lock:
        if descriptor not in _silenced:
            _silenced[descriptor] = os.dup(descriptor), 0
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
        copy, blocks = _silenced[descriptor]
        _silenced[descriptor] = copy, blocks + 1


def _restore(descriptor: int) -> None:
    with _lock:
        copy, blocks = _silenced[descriptor]
        if blocks > 1:
            _silenced[descriptor] = copy, blocks - 1
        else:
            os.dup2(copy, descriptor)
            del _silenced[descriptor]
            os.close(copy)
