"""Paths on standard input, one a line: `find . -name '*.jpg' | python -m runtime predict MODEL -`."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import InputRefused
from runtime.sources.files import expand

MAX_PATH_BYTES = 65_536


def paths(address: str) -> Iterator[Path]:
    """Each line as it comes, in whatever bytes the file system uses; of a folder every file below it. Empty lines are passed over.

    Raises:
        InputRefused: a line over 65,536 bytes.
        MachineError: this user may not list a folder.
    """
    if not sys.stdin.readable():  # closed by whoever started us: see `cli.run`
        return
    while line := sys.stdin.buffer.readline(MAX_PATH_BYTES + 1):
        if len(line) > MAX_PATH_BYTES:
            raise InputRefused("standard input", f"expected one path a line, found a line over {MAX_PATH_BYTES} bytes")
        if path := line.rstrip(b"\r\n"):
            yield from expand([Path(os.fsdecode(path))])
