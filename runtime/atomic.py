"""Files and folders that are whole or not there: written beside their place, synced, then moved into it."""

import ctypes
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime.cli import say
from runtime.errors import InputRefused, MachineError, QuinceError

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

UNSAID_WAIT_S, POLL_S = 1.0, 0.02
AT_FDCWD = -100
RENAME_EXCHANGE = 2
"""Both from Linux's <fcntl.h> and <linux/fs.h>."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_file(path: Path, content: bytes | str, mode: int = 0o644) -> None:
    """Replaces `path` by `content` (str as UTF-8) in one step; until then the old file stays. `mode` says who may read it.

    Raises:
        MachineError: disk full, no permission.
    """
    with new_file(path, mode) as temporary:
        temporary.write_bytes(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)


@contextmanager
def new_file(path: Path, mode: int = 0o644) -> Generator[Path, None, None]:
    """A name beside `path` to write to; on leaving without an error it is synced and becomes `path`."""
    with _refusals(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path.parent)
        handle, name = tempfile.mkstemp(prefix=_prefix(os.getpid()), suffix=path.suffix, dir=path.parent)
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
    """An empty folder beside `path` to fill; on leaving without an error everything in it is synced and it becomes `path`.

    Where `path` exists it is exchanged in one step (renameat2 on Linux; elsewhere two renames with a short gap). A link to a folder
    stays a link: what it points to is exchanged.
    """
    path = path.resolve() if path.is_dir() else path
    if path.exists() and not path.is_dir():
        raise InputRefused(str(path), "cannot be written: it is a file, a folder is to be made there")
    with _refusals(path), _temporary_folder(path.parent) as temporary:
        yield temporary
        temporary.chmod(0o755)
        for part in sorted(temporary.rglob("*"), reverse=True):
            _sync(part)
        _sync(temporary)
        _put_in_place(temporary, path)
        _sync(path.parent)


@contextmanager
def scratch_folder(parent: Path) -> Generator[Path, None, None]:
    """A temporary folder in `parent`, removed on leaving; what killed processes left there goes too."""
    with _refusals(parent), _temporary_folder(parent) as temporary:
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
    """Waits until no other process holds this lock on `folder`, which is made if need be; where the system has no such locks, does nothing.

    A wait of more than a second is said on standard error. The lock ends with the process, however that ends.
    """
    with _refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            yield
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _take(descriptor, folder)
            yield
        finally:
            os.close(descriptor)


def _take(descriptor: int, folder: Path) -> None:
    until = time.monotonic() + UNSAID_WAIT_S
    while time.monotonic() < until:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(POLL_S)
    say(f"waiting for another process that is at work in {folder}")
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def exchange(one: Path, other: Path) -> bool:
    """Exchanges two folders in one step; False, with nothing done, where this system or file system cannot."""
    done = _exchange(one, other)
    if done:
        for parent in {one.parent, other.parent}:
            _sync(parent)
    return done


def _remove_leftovers(folder: Path) -> None:
    """What a killed writer left in `folder`; what a living one is writing stays."""
    for leftover in folder.glob(_prefix("*") + "*"):
        owner = leftover.name.split("-")[1]
        if owner.isdigit() and not _alive(int(owner)):
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover, ignore_errors=True)  # another process may be removing it too
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


def _exchange(one: Path, other: Path) -> bool:
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return bool(renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def _alive(process: int) -> bool:
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
def _refusals(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except QuinceError:
        raise
    except (NotADirectoryError, FileExistsError, IsADirectoryError) as error:
        raise InputRefused(str(path), f"cannot be written: {error.strerror} ({error.filename})") from error
    except OSError as error:
        reason = "the disk is full" if error.errno in FULL else error.strerror or str(error)
        raise MachineError(str(path), f"cannot be written: {reason}; what was there is unchanged") from error
