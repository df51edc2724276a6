"""Tests colours and error lines against a double that follows picamera2's manual.

The manual's appendix A: format "RGB888" is B, G, R in memory; `capture_array` returns it so, and
`capture_image` returns an RGB image. `capture_image(name, wait=False)` returns a job whose
`get_result(timeout)` waits. The source of 0.3.38 has these calls with these parameters, and raises
as the double does; `make camera-test` checks that again.
"""

import os
import sys
from concurrent.futures import Future
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from runtime.errors import InputRefused, MachineError, QuinceError
from runtime.monitor.capture import Capture
from runtime.sources.base import open_source

PATCH = (200, 40, 10)


class Job:
    def __init__(self, image: Image.Image | None) -> None:
        self._future: Future[Image.Image] = Future()
        if image is not None:
            self._future.set_result(image)

    def get_result(self, timeout: float | None = None) -> Image.Image:
        return self._future.result(timeout)


class Picamera2:
    """One camera that sees PATCH."""

    in_use = False
    frozen = False

    def __init__(self, camera_num: int = 0) -> None:
        assert camera_num == 0, "there is no such camera"
        if Picamera2.in_use:
            busy = RuntimeError("Failed to acquire camera: Device or resource busy")
            raise RuntimeError("Camera __init__ sequence did not complete.") from busy
        Picamera2.in_use = True
        self._configured = self._started = False

    @staticmethod
    def global_camera_info() -> list[dict[str, object]]:
        return [{"Model": "imx708", "Num": 0}]

    def create_video_configuration(self, main: dict[str, object]) -> dict[str, object]:
        return {"main": main}

    def configure(self, camera_config: dict[str, dict[str, object]]) -> None:
        main = camera_config["main"]
        assert main["format"] == "RGB888"
        width, height = main["size"]  # type: ignore[misc]
        red, green, blue = PATCH
        self._memory = np.full((height, width, 3), (blue, green, red), np.uint8)
        self._configured = True

    def start(self) -> None:
        assert self._configured
        self._started = True

    def capture_array(self, name: str = "main") -> np.ndarray:
        return self._memory.copy()

    def capture_image(self, name: str = "main", wait: bool | None = None) -> Job:
        assert self._started
        assert wait is False
        height, width, _ = self._memory.shape
        image = Image.frombuffer("RGB", (width, height), self._memory.tobytes(), "raw", "BGR", 0, 1)
        return Job(None if Picamera2.frozen else image)

    def close(self) -> None:
        Picamera2.in_use = False


@pytest.fixture
def picamera2(monkeypatch: pytest.MonkeyPatch) -> type[Picamera2]:
    module = ModuleType("picamera2")
    module.Picamera2 = Picamera2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    monkeypatch.delitem(sys.modules, "runtime.sources.picamera2", raising=False)
    monkeypatch.setattr(Picamera2, "in_use", False)
    monkeypatch.setattr(Picamera2, "frozen", False)
    yield Picamera2
    sys.modules.pop("runtime.sources.picamera2", None)


def failure(address: str) -> QuinceError:
    with Capture(open_source(address)) as capture, pytest.raises(QuinceError) as caught:
        capture.next(5)
    return caught.value


def test_known_patch_keeps_its_colour(picamera2) -> None:
    with Capture(open_source("picamera2")) as capture:
        frame = capture.next(5)
        assert frame is not None
        assert (frame.image.mode, frame.image.size) == ("RGB", (1280, 960))
        assert frame.image.getpixel((9, 9)) == PATCH
        assert picamera2.in_use
    assert not picamera2.in_use


def test_camera_is_freed_when_its_frames_are_closed(picamera2) -> None:
    stream = open_source("picamera2:0").frames()
    next(stream)
    assert picamera2.in_use
    stream.close()
    assert not picamera2.in_use


def test_busy_missing_and_misnamed_cameras_are_one_line(picamera2) -> None:
    assert isinstance(failure("picamera2:one"), InputRefused)
    assert "rpicam-hello --list-cameras" in str(failure("picamera2:3"))
    picamera2.in_use = True
    error = failure("picamera2:0")
    assert isinstance(error, MachineError)
    assert str(error) == "picamera2:0: Failed to acquire camera: Device or resource busy"


def test_camera_that_gives_no_frames_is_lost(picamera2, monkeypatch: pytest.MonkeyPatch) -> None:
    picamera2.frozen = True
    import runtime.sources.picamera2 as module

    monkeypatch.setattr(module, "FRAME_TIMEOUT_S", 0.2)
    error = failure("picamera2")
    assert isinstance(error, MachineError)
    assert "no frame for 0.2 s: is its cable loose?" in str(error)


@pytest.fixture
def no_picamera2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.delitem(sys.modules, "runtime.sources.picamera2", raising=False)


@pytest.mark.usefixtures("no_picamera2")
def test_absent_picamera2_comes_from_apt_and_not_from_pip() -> None:
    error = failure("picamera2")
    assert isinstance(error, MachineError)
    assert "sudo apt install python3-picamera2" in str(error)
    assert "pip install" not in str(error)


@pytest.mark.usefixtures("no_picamera2")
@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs a virtual environment")
def test_picamera2_hidden_by_a_virtual_environment_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    isdir = os.path.isdir
    apt_package = "/usr/lib/python3/dist-packages/picamera2"
    monkeypatch.setattr(os.path, "isdir", lambda path: path == apt_package or isdir(path))
    assert "python3 -m venv --system-site-packages" in str(failure("picamera2"))
