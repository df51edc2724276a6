"""What a result was made with, so that the same command on the same input can see that it is already there."""

import hashlib
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path


def versions(*packages: str) -> dict[str, str]:
    """The version of each package that is installed, by name."""
    found = {}
    for package in packages:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def source_digest(*packages: str) -> str:
    """One sha256 over the Python files of the given top-level packages: changes whenever our own code does."""
    whole = hashlib.sha256()
    for package in packages:
        folder = Path(str(import_module(package).__file__)).parent
        for file in sorted(folder.rglob("*.py")):
            whole.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()
