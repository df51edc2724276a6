"""What a result was made with, so that the same command on the same input can see that it is already there."""

import hashlib
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path

KERAS_PACKAGES = ("quince-edge", "keras", "tensorflow", "tensorflow-cpu", "numpy", "pillow")
"""What the answers of a Keras model depend on."""
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
