"""What a result was made with, so that the same command on the same input can see that it is already there."""

import hashlib
import os
import time
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path

KERAS_PACKAGES = ("quince-edge", "keras", "tensorflow", "tensorflow-cpu", "numpy", "pillow")
"""What the answers of a Keras model depend on."""
UTC_TIME = "%Y-%m-%dT%H:%M:%SZ"
"""How a time in UTC is written."""
OURS = (".py", ".j2", ".css", ".jsonl")


def versions(*packages: str) -> dict[str, str]:
    """The version of each package that is installed, by name."""
    found = {}
    for package in packages:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def source_digest(*packages: str) -> str:
    """One sha256 over code, templates and tables of the given top-level packages: changes whenever what they make may."""
    whole = hashlib.sha256()
    for package in packages:
        folder = Path(str(import_module(package).__file__)).parent
        for file in sorted(file for file in folder.rglob("*") if file.suffix in OURS):
            whole.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()


def utc_now() -> str:
    """The time as "2026-11-24T12:00:00Z"; where SOURCE_DATE_EPOCH is set (reproducible-builds.org), that one."""
    told = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = int(told) if told.isascii() and told.isdigit() and len(told) < 12 else time.time()
    return time.strftime(UTC_TIME, time.gmtime(seconds))
