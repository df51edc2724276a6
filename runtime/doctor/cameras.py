"""Cameras: V4L2 devices and who may open them, and picamera2, which a virtual environment can hide."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from runtime.doctor.child import Outcome, run_child
from runtime.doctor.finding import Finding
from runtime.doctor.interpreters import NUMPY_ABI

try:
    import grp
except ModuleNotFoundError:  # Windows
    grp = None  # type: ignore[assignment]

NO_CAMERAS = ("codec", "isp", "hevc", "rpivid", "pisp")
"""In the names of devices that a Raspberry Pi shows beside its cameras: coders, and stages of the image pipeline."""
RAW = ("unicam", "rp1-cfe", "csi2")
"""In the names of camera modules on the ribbon cable: they give raw sensor data, of which libcamera makes pictures."""
APT_FOLDER = "usr/lib/python3/dist-packages"
TRY = "import json; from picamera2 import Picamera2; print(json.dumps({'cameras': len(Picamera2.global_camera_info())}))"


def examine_cameras(root: Path, environment: Path = Path(sys.prefix)) -> Iterator[Finding]:
    """`environment` is the folder of the virtual environment, whose pyvenv.cfg says whether the system's packages are seen."""
    devices = sorted((root / "dev").glob("video[0-9]*"), key=lambda path: int(path.name[5:]) if path.name[5:].isdigit() else 0)
    named = {path: _name(root, path) for path in devices}
    cameras = [path for path, name in named.items() if not any(part in name.lower() for part in NO_CAMERAS)]
    raw = [path for path in cameras if any(part in named[path].lower() for part in RAW)]
    for path in cameras:
        if path not in raw:
            yield _device(path, named[path])
    yield from _picamera2(root, environment, raw)
    if not cameras:
        found = f"no {'camera among the ' if devices else ''}/dev/video* devices"
        yield Finding("camera", "note", found, "plug one in, if one is to be used")


def _device(path: Path, name: str) -> Finding:
    shown = f"/dev/{path.name}{f' ({name})' if name else ''}"
    if os.access(path, os.R_OK | os.W_OK):
        return Finding("camera", "ok", f"{shown} can be opened: --source camera:{path.name[5:]}")
    group = _group(path)
    return Finding("camera", "warning", f"{shown} may not be opened by this user", f"sudo usermod -aG {group} $USER, then log in again")


def _picamera2(root: Path, environment: Path, raw: list[Path]) -> Iterator[Finding]:
    if importlib.util.find_spec("picamera2"):
        yield judge_picamera2(run_child("-c", TRY))
    elif (root / APT_FOLDER / "picamera2").is_dir() and not _sees_the_system(environment):
        do = f"make it anew: python3 -m venv --system-site-packages {environment}, then install Quince there again"
        yield Finding("picamera2", "warning", "installed by apt, and hidden by this virtual environment", do)
    elif raw:
        found = f"a camera module is there ({', '.join(f'/dev/{path.name}' for path in raw)}) and picamera2 is not"
        yield Finding("picamera2", "warning", found, "sudo apt install python3-picamera2, and a venv with --system-site-packages")


def judge_picamera2(outcome: Outcome) -> Finding:
    """What came of importing picamera2 and counting its cameras."""
    if outcome.worked:
        return Finding("picamera2", "ok", f"works; libcamera sees {outcome.answer['cameras']} cameras: --source picamera2")
    if any(sign in outcome.errors for sign in NUMPY_ABI):
        found = "apt's picamera2 is built for numpy 1, and another is installed here"
        return Finding("picamera2", "warning", found, "pip install 'numpy<2' in this environment, or update to Raspberry Pi OS Trixie")
    if "libcamera" in outcome.errors:
        return Finding("picamera2", "warning", f"is here and libcamera is not: {outcome.reason}", "sudo apt install python3-libcamera")
    return Finding("picamera2", "warning", f"is here and does not work: {outcome.reason}", "sudo apt install --reinstall python3-picamera2")


def _sees_the_system(environment: Path) -> bool:
    try:
        lines = (environment / "pyvenv.cfg").read_text(errors="replace").splitlines()
    except OSError:  # not a virtual environment
        return True
    return any(line.replace(" ", "").lower() == "include-system-site-packages=true" for line in lines)


def _name(root: Path, device: Path) -> str:
    try:
        return (root / "sys/class/video4linux" / device.name / "name").read_text(errors="replace").strip()
    except OSError:
        return ""


def _group(path: Path) -> str:
    try:
        return grp.getgrgid(path.stat().st_gid).gr_name
    except (AttributeError, KeyError, OSError):
        return "video"
