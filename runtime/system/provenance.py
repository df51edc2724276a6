"""Records what a result was made with, so that the same command can find it made already."""

import hashlib
import os
import time
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path

KERAS_PACKAGES = ("quince-edge", "keras", "tensorflow", "tensorflow-cpu", "numpy", "pillow")
"""The packages on which the scores of a Keras model depend."""
UTC_TIME = "%Y-%m-%dT%H:%M:%SZ"
"""The format of a time in UTC, for time.strftime."""
SOURCE_SUFFIXES = (".py", ".j2", ".css", ".jsonl")


def versions(*packages: str) -> dict[str, str]:
    """Returns the version of each package that is installed, by name."""
    installed = {}
    for package in packages:
        with suppress(metadata.PackageNotFoundError):
            installed[package] = metadata.version(package)
    return installed


def source_digest(*packages: str) -> str:
    """Returns one sha256 over the code, templates and tables of top-level packages.

    It changes whenever their results may change.
    """
    digest = hashlib.sha256()
    for package in packages:
        folder = Path(str(import_module(package).__file__)).parent
        for file in sorted(file for file in folder.rglob("*") if file.suffix in SOURCE_SUFFIXES):
            digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def utc_now() -> str:
    """Returns the time as "2026-11-24T12:00:00Z".

    SOURCE_DATE_EPOCH (reproducible-builds.org) replaces the clock, if it is set to whole seconds.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = time.time()
    if epoch.isascii() and epoch.isdigit() and len(epoch) < 12:
        seconds = int(epoch)
    return time.strftime(UTC_TIME, time.gmtime(seconds))
