"""Tests V4L2 without a camera (FAULTS R10); `make camera-test` tests it with one."""

import errno
import mmap
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from runtime.errors import MachineError, QuinceError
from runtime.monitor.capture import Capture
from runtime.sources.base import open_source

pytest.importorskip("linuxpy")


def failure(address: str) -> QuinceError:
    with Capture(open_source(address)) as capture, pytest.raises(QuinceError) as caught:
        capture.next(3)
    return caught.value


def test_error_for_a_missing_device_lists_the_existing_ones() -> None:
    error = failure("camera:97")
    assert isinstance(error, MachineError)
    assert str(error).startswith("/dev/video97: No such file or directory; cameras here: ")


def test_files_that_are_not_cameras_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "text", tmp_path / "fifo", tmp_path):
        assert (
            failure(f"camera:{path}").reason
            == "expected a camera such as /dev/video0, found no device file"
        )
    for path in ("/dev/null", "/dev/zero"):
        assert str(failure(f"camera:{path}")) == f"{path}: is not a camera"


@pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root, to make a device and become another user"
)
def test_device_without_permission_says_which_group_helps(tmp_path: Path, open_to_all) -> None:
    path = tmp_path / "video0"
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
    except OSError as error:
        pytest.skip(f"cannot make a device here: {error}")
    open_to_all(tmp_path)
    os.seteuid(65534)
    try:
        error = failure(f"camera:{path}")
    finally:
        os.seteuid(0)
    assert isinstance(error, MachineError)
    assert "Permission denied; add this user to the group 'video'" in str(error)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EBUSY, "in use by another program"),
        (errno.ENODEV, "not connected any more"),
        (errno.EINVAL, "Invalid argument"),
    ],
)
def test_error_number_of_the_driver_becomes_a_sentence(
    monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """Replaces the driver's first answer, on a device that exists."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("runtime.sources.v4l2._configured", refuse)
    error = failure("camera:/dev/null")
    assert isinstance(error, MachineError)
    assert words in str(error)


@pytest.mark.parametrize("answer", [errno.ENODEV, None])
def test_buffers_of_a_device_that_is_gone_are_freed(answer: int | None) -> None:
    """A mapped buffer keeps the device's number in use.

    Seen with vivid on Linux 6.1: /dev/video0 became /dev/video1 when it was plugged in again.
    """
    camera = pytest.importorskip("runtime.sources.v4l2")
    mapped = [mmap.mmap(-1, 4096) for _ in range(3)]

    def close() -> None:
        if answer:
            raise OSError(answer, os.strerror(answer))

    camera._release(SimpleNamespace(buffer=SimpleNamespace(buffers=mapped), close=close))
    assert all(buffer.closed for buffer in mapped)
    camera._release(SimpleNamespace(buffer=None, close=close))
