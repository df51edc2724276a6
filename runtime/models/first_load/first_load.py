"""Tries a model file in a child process before this process loads it, once for each file.

Interpreters trust their files: a damaged one can end the process without a message. A bundle's
files have a sha256 that export wrote; any other file is loaded and run in a child first. What
passed is remembered by its hash in the cache folder, so the next start only reads one small file.

The child is `runtime.models.first_load.child_process`.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from runtime.backends.base import load_interpreter
from runtime.errors import InputRefused, MachineError, QuinceError
from runtime.models.model_spec import ModelSpec
from runtime.system.cache_dir import default_cache
from runtime.system.hashing import sha256_of

FOLDER = "tried-models"
MAX_ENTRY_BYTES = 1024
LOAD_VERSION = 1
"""Is raised when the first load changes, so that files are tried again."""
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def require_first_load(path: Path, sha256: str, stated: ModelSpec | None) -> None:
    """Lets a child load the model file and run it, unless this file has passed that before.

    An interpreter of another version tries it again, and so does another --input-size.

    Args:
        path: of the model file.
        sha256: of its content.
        stated: what the user states about it.

    Raises:
        InputRefused: the child crashed, took too long, or refused the file.
        MachineError: the child cannot be started, or was killed; or the interpreter is missing.
    """
    spec = stated or ModelSpec()
    version = getattr(load_interpreter(path), "VERSION", "")
    parts = (LOAD_VERSION, sha256, path.suffix, version, spec.input_size, spec.layout, spec.output)
    key = sha256_of(repr(parts).encode("utf-8", "surrogatepass"))
    entry = default_cache() / FOLDER / key
    if _is_remembered(entry):
        return
    if _passes(path, sha256, spec, version):
        _remember(entry)


def _passes(path: Path, sha256: str, spec: ModelSpec, version: str) -> bool:
    """Whether the child ran the model; False if it needs options before it can run."""
    # Imported here, because no later start needs it.
    from runtime.models.first_load.child_process import question_text
    from runtime.system.subprocesses import LOAD_TIMEOUT_S, ask_child

    result = ask_child(
        *("-m", "runtime.models.first_load.child_process", path),
        question=question_text(sha256, spec),
        timeout_s=LOAD_TIMEOUT_S,
    )
    if result.answered:
        return bool(result.value().get("passed"))
    found = f"tried in a process of its own, it {result.reason}"
    if result.timed_out:
        raise InputRefused(str(path), f"{found}; it is damaged, or too slow for this machine")
    if result.signal and result.signal not in _signals_of_the_machine():
        raise InputRefused(
            str(path),
            f"{version} crashes on it: {found}; it is damaged, or not made for this interpreter:"
            " copy it again, or export it again",
        )
    raise MachineError(str(path), f"{found}; the machine may have too little memory")


def _signals_of_the_machine() -> tuple[int, ...]:
    import signal

    names = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGILL")
    return tuple(int(getattr(signal, name)) for name in names if hasattr(signal, name))


def _is_remembered(entry: Path) -> bool:
    """Whether the entry is a file of this user that holds its own name.

    Anything else counts as missing: a link, a pipe, a file of another user, a folder that others
    may write to.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if not _is_ours(os.lstat(entry.parent), stat.S_ISDIR):
            return False
        with open(os.open(entry, flags), "rb") as file:
            if not _is_ours(os.fstat(file.fileno()), stat.S_ISREG):
                return False
            return file.read(MAX_ENTRY_BYTES) == entry.name.encode()
    except OSError:
        return False


def _is_ours(status: os.stat_result, is_kind: Any) -> bool:
    if not hasattr(os, "geteuid"):  # Windows
        return bool(is_kind(status.st_mode))
    is_safe = status.st_uid == os.geteuid() and not status.st_mode & OTHERS_MAY_WRITE
    return bool(is_kind(status.st_mode)) and is_safe


def _remember(entry: Path) -> None:
    """Writes the entry in one step; where that is not possible, the next start tries again."""
    from runtime.system.atomic_files import write_file

    with suppress(QuinceError, OSError):
        entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_ours(os.lstat(entry.parent), stat.S_ISDIR):
            write_file(entry, entry.name, 0o600)
