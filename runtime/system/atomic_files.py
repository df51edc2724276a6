"""Writes files and folders beside their place, syncs them and moves them there, so none is half."""

import ctypes
import errno
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime.errors import InputRefused, MachineError, QuinceError
from runtime.system.terminal import say

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

SILENT_WAIT_S, POLL_S = 1.0, 0.02
AT_FDCWD = -100
RENAME_EXCHANGE = 2
"""Both numbers are from Linux's <fcntl.h> and <linux/fs.h>."""

MAX_REASON_CHARS = 200
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def require_writable_folder(path: Path) -> None:
    """Refuses `path` if nothing can be made there, before long work is done for it.

    Raises:
        InputRefused: its nearest existing folder is a file.
        MachineError: this user may not write in that folder.
    """
    parents = (parent for parent in path.absolute().parents if parent.exists())
    folder = next(parents, path.absolute())
    if not folder.is_dir():
        raise InputRefused(str(path), f"cannot be written: {folder} is a file")
    effective = os.access in os.supports_effective_ids
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
        raise MachineError(str(path), f"cannot be written: this user may not write in {folder}")


def write_file(path: Path, content: bytes | str, mode: int = 0o644) -> None:
    """Replaces `path` by `content` in one step; until then the old file stays.

    Args:
        path: the file.
        content: a str is encoded as UTF-8.
        mode: the permissions of the new file.

    Raises:
        MachineError: disk full, no permission.
    """
    with new_file(path, mode) as temporary:
        temporary.write_bytes(
            content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        )


@contextmanager
def new_file(path: Path, mode: int = 0o644) -> Generator[Path, None, None]:
    """Yields a name beside `path` to write to; it is synced and becomes `path` at the end.

    After an error it is removed instead.
    """
    with _naming_failures(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path.parent)
        handle, name = tempfile.mkstemp(
            prefix=_prefix(os.getpid()), suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(mode)
            _sync(temporary)
            os.replace(temporary, path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Generator[Path, None, None]:
    """Yields an empty folder beside `path` to fill; it is synced and becomes `path` at the end.

    After an error it is removed instead. An existing folder is exchanged in one step (renameat2 on
    Linux; elsewhere two renames with a short gap). A link to a folder stays a link, and the folder
    that it points to is exchanged.
    """
    path = path.resolve() if path.is_dir() else path
    if path.exists() and not path.is_dir():
        raise InputRefused(str(path), "cannot be written: expected a folder there, found a file")
    with _naming_failures(path), _temporary_folder(path.parent) as temporary:
        yield temporary
        temporary.chmod(0o755)
        for path_inside in sorted(temporary.rglob("*"), reverse=True):
            _sync(path_inside)
        _sync(temporary)
        _put_in_place(temporary, path)
        _sync(path.parent)


@contextmanager
def scratch_folder(parent: Path) -> Generator[Path, None, None]:
    """Yields a temporary folder in `parent`, and removes it and those of killed processes."""
    with _naming_failures(parent), _temporary_folder(parent) as temporary:
        yield temporary


@contextmanager
def _temporary_folder(parent: Path) -> Generator[Path, None, None]:
    parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(parent)
    temporary = Path(tempfile.mkdtemp(prefix=_prefix(os.getpid()), dir=parent))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Generator[None, None, None]:
    """Holds a lock on `folder` that no other process can hold; the folder is created if necessary.

    A wait of more than a second prints a line on standard error. The lock ends with the process,
    however that ends. Without such locks (Windows) nothing happens.
    """
    with _naming_failures(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            yield
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _wait_for_lock(descriptor, folder)
            yield
        finally:
            os.close(descriptor)


def _wait_for_lock(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + SILENT_WAIT_S
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(POLL_S)
    say(f"waiting for another process that works in {folder}")
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def move_files(moves: Sequence[tuple[Path, Path]]) -> list[bool]:
    """Renames files, which keeps each whole at any moment; returns which were moved.

    A file that is gone, is no regular file, or whose new name is taken stays as it is. Who holds no
    lock may replace a file that another program writes at the same moment.

    Raises:
        MachineError: disk full, no permission, or another file system.
    """
    moved = []
    for source, target in moves:
        with _naming_failures(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            possible = _is_regular(source) and not os.path.lexists(target)
            if possible:
                os.rename(source, target)
            moved.append(possible)
    for folder in {path.parent for move in moves for path in move if path.parent.is_dir()}:
        _sync(folder)
    return moved


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def exchange(first: Path, second: Path) -> bool:
    """Exchanges two folders in one step; returns False, with nothing done, if the system cannot."""
    exchanged = _exchange(first, second)
    if exchanged:
        for parent in {first.parent, second.parent}:
            _sync(parent)
    return exchanged


def _remove_leftovers(folder: Path) -> None:
    """Removes what killed writers left in `folder`; the files of a running writer stay."""
    for leftover in folder.glob(_prefix("*") + "*"):
        owner = leftover.name.split("-")[1]
        if not owner.isdigit() or _is_running(int(owner)):
            continue
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)  # another process may remove it too
        else:
            leftover.unlink(missing_ok=True)


def _prefix(process: int | str) -> str:
    return f".quince-{process}-"


def _put_in_place(temporary: Path, path: Path) -> None:
    if not path.exists():
        os.rename(temporary, path)
    elif not _exchange(temporary, path):
        old = temporary.with_name(temporary.name + ".old")
        os.rename(path, old)
        os.rename(temporary, path)
        shutil.rmtree(old)


def _exchange(first: Path, second: Path) -> bool:
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    paths = os.fsencode(first), os.fsencode(second)
    return bool(renameat2(AT_FDCWD, paths[0], AT_FDCWD, paths[1], RENAME_EXCHANGE) == 0)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _naming_failures(path: Path) -> Generator[None, None, None]:
    """Turns an OSError into an error that names `path`."""
    try:
        yield
    except QuinceError:
        raise
    except (NotADirectoryError, FileExistsError, IsADirectoryError) as error:
        raise InputRefused(
            str(path), f"cannot be written: {error.strerror} ({error.filename})"
        ) from error
    except shutil.Error as error:  # of copytree: a list of (source, target, reason), often long
        first = error.args[0][0][2] if error.args and isinstance(error.args[0], list) else error
        codes = re.findall(r"\[Errno (\d+)\]", str(first))
        is_full = bool(codes) and int(codes[0]) in DISK_FULL
        reason = "the disk is full" if is_full else str(first)[:MAX_REASON_CHARS]
        raise MachineError(
            str(path), f"cannot be written: {reason}; what was there is unchanged"
        ) from error
    except OSError as error:
        reason = "the disk is full" if error.errno in DISK_FULL else error.strerror or str(error)
        raise MachineError(
            str(path), f"cannot be written: {reason}; what was there is unchanged"
        ) from error
