"""Examines cameras: V4L2 devices and their permissions, and picamera2."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from runtime.commands.doctor.finding import Finding
from runtime.commands.doctor.interpreters import NUMPY_ABI_ERRORS
from runtime.system.subprocesses import LOAD_TIMEOUT_S, ChildResult, ask_child

try:
    import grp
except ModuleNotFoundError:  # Windows
    grp = None  # type: ignore[assignment]

NOT_CAMERAS = ("codec", "isp", "hevc", "rpivid", "pisp")
"""Parts of the names of other video devices of a Raspberry Pi: codecs and image processors."""
RAW_CAMERAS = ("unicam", "rp1-cfe", "csi2")
"""Parts of the names of camera modules on the ribbon cable.

They give raw sensor data, which libcamera turns into images.
"""
APT_FOLDER = "usr/lib/python3/dist-packages"
COUNT_CAMERAS = """
import json
from picamera2 import Picamera2
print(json.dumps({"cameras": len(Picamera2.global_camera_info())}))
"""


def examine_cameras(root: Path, environment: Path = Path(sys.prefix)) -> Iterator[Finding]:
    """Yields findings about all cameras.

    Args:
        root: the folder of the system's files.
        environment: the folder of the virtual environment; its pyvenv.cfg shows whether it sees the
            system's packages.
    """
    devices = sorted((root / "dev").glob("video[0-9]*"), key=_device_number)
    names = {path: _device_name(root, path) for path in devices}
    cameras = [path for path in devices if not _has_part(names[path], NOT_CAMERAS)]
    raw_cameras = [path for path in cameras if _has_part(names[path], RAW_CAMERAS)]
    for path in cameras:
        if path not in raw_cameras:
            yield _examine_device(path, names[path])
    yield from _examine_picamera2(root, environment, raw_cameras)
    if not cameras:
        found = f"no {'camera among the ' if devices else ''}/dev/video* devices"
        yield Finding("camera", "note", found, "plug one in if you want to use one")


def _examine_device(path: Path, name: str) -> Finding:
    device = f"/dev/{path.name}{f' ({name})' if name else ''}"
    if os.access(path, os.R_OK | os.W_OK):
        return Finding("camera", "ok", f"{device} can be opened: --source camera:{path.name[5:]}")
    return Finding(
        "camera",
        "warning",
        f"this user may not open {device}",
        f"sudo usermod -aG {_group(path)} $USER, then log in again",
    )


def _examine_picamera2(root: Path, environment: Path, raw_cameras: list[Path]) -> Iterator[Finding]:
    if importlib.util.find_spec("picamera2"):
        yield judge_picamera2(ask_child("-c", COUNT_CAMERAS, timeout_s=LOAD_TIMEOUT_S))
    elif (root / APT_FOLDER / "picamera2").is_dir() and not _sees_system_packages(environment):
        yield Finding(
            "picamera2",
            "warning",
            "apt installed it, but this virtual environment hides it",
            f"create the environment again: python3 -m venv --system-site-packages {environment}, "
            "then install Quince there again",
        )
    elif raw_cameras:
        devices = ", ".join(f"/dev/{path.name}" for path in raw_cameras)
        yield Finding(
            "picamera2",
            "warning",
            f"there is a camera module ({devices}) but no picamera2",
            "sudo apt install python3-picamera2, and a venv with --system-site-packages",
        )


def judge_picamera2(result: ChildResult) -> Finding:
    """Returns the finding for a child process that counted cameras with picamera2."""
    if result.answered:
        cameras = result.answer["cameras"]
        return Finding(
            "picamera2", "ok", f"works; libcamera sees {cameras} cameras: --source picamera2"
        )
    if any(error in result.errors for error in NUMPY_ABI_ERRORS):
        return Finding(
            "picamera2",
            "warning",
            "apt's picamera2 is built for numpy 1, and another numpy is installed here",
            "pip install 'numpy<2' in this environment, or update to Raspberry Pi OS Trixie",
        )
    if "libcamera" in result.errors:
        return Finding(
            "picamera2",
            "warning",
            f"is installed, but libcamera is not: {result.reason}",
            "sudo apt install python3-libcamera",
        )
    return Finding(
        "picamera2",
        "warning",
        f"is installed, but does not work: {result.reason}",
        "sudo apt install --reinstall python3-picamera2",
    )


def _sees_system_packages(environment: Path) -> bool:
    try:
        lines = (environment / "pyvenv.cfg").read_text(errors="replace").splitlines()
    except OSError:  # not a virtual environment
        return True
    settings = [line.replace(" ", "").lower() for line in lines]
    return "include-system-site-packages=true" in settings


def _device_number(device: Path) -> int:
    number = device.name[5:]
    return int(number) if number.isdigit() else 0


def _device_name(root: Path, device: Path) -> str:
    file = root / "sys/class/video4linux" / device.name / "name"
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _has_part(name: str, parts: tuple[str, ...]) -> bool:
    return any(part in name.lower() for part in parts)


def _group(path: Path) -> str:
    try:
        return grp.getgrgid(path.stat().st_gid).gr_name
    except (AttributeError, KeyError, OSError):
        return "video"
