"""runtime.sources.camera where there is no camera (FAULTS R10). With one it is tested in a virtual machine: make camera-test."""

import errno
import mmap
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from runtime.capture import Capture
from runtime.errors import MachineError, QuinceError
from runtime.sources import open_source

pytest.importorskip("linuxpy")


def failure(address: str) -> QuinceError:
    with Capture(open_source(address)) as capture, pytest.raises(QuinceError) as caught:
        capture.next(3)
    return caught.value


def test_missing_device_is_named_with_those_that_are_there() -> None:
    error = failure("camera:97")
    assert isinstance(error, MachineError)
    assert str(error).startswith("/dev/video97: No such file or directory; cameras here: ")


def test_files_that_are_no_camera_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "text", tmp_path / "fifo", tmp_path):
        assert failure(f"camera:{path}").reason == "expected a camera such as /dev/video0, found no device file"
    for path in ("/dev/null", "/dev/zero"):
        assert str(failure(f"camera:{path}")) == f"{path}: is no camera"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make a device and become another user")
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
    [(errno.EBUSY, "in use by another program"), (errno.ENODEV, "not connected any more"), (errno.EINVAL, "Invalid argument")],
)
def test_what_a_driver_answers_is_told_in_words(monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    """Stands in for a driver at the first thing it is asked, on a device that exists."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("runtime.sources.camera._configured", refuse)
    error = failure("camera:/dev/null")
    assert isinstance(error, MachineError)
    assert words in str(error)


@pytest.mark.parametrize("answer", [errno.ENODEV, None])
def test_a_device_that_is_gone_is_let_go_of(answer: int | None) -> None:
    """A mapped buffer keeps the device's number taken (seen with vivid, Linux 6.1): /dev/video0, plugged in again, was /dev/video1."""
    camera = pytest.importorskip("runtime.sources.camera")
    mapped = [mmap.mmap(-1, 4096) for _ in range(3)]

    def close() -> None:
        if answer:
            raise OSError(answer, os.strerror(answer))

    camera._release(SimpleNamespace(buffer=SimpleNamespace(buffers=mapped), close=close))
    assert all(one.closed for one in mapped)
    camera._release(SimpleNamespace(buffer=None, close=close))
