"""Installs an environment for each peer, with what it needs and nothing else.

Environments are kept in the cache until their requirements change.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import runtime
from runtime.errors import MachineError
from runtime.system.atomic_files import locked, write_file
from runtime.system.cache_dir import default_cache
from runtime.system.subprocesses import child_environment
from runtime.system.terminal import say

INSTALLED = "installed.json"
"""Written last: a folder without it was left by an interrupted installation."""
QUINCE = Path(str(runtime.__file__)).parent
REMOVED_VARIABLES = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONDONTWRITEBYTECODE",
    "VIRTUAL_ENV",
    "QUINCE_CONSOLE",
)


@dataclass(frozen=True)
class Environment:
    """Describes where a peer runs.

    python: its interpreter.
    variables: the environment variables of its processes.
    size_bytes: of all that was installed; None: not known.
    """

    python: Path
    variables: dict[str, str]
    size_bytes: int | None


def installed_environment(
    name: str,
    requirements: Sequence[str],
    *,
    with_runtime: bool = False,
    python: Path | None = None,
) -> Environment:
    """Returns the environment `name`, after installing it if it does not exist yet.

    Args:
        name: what it is called in the cache.
        requirements: what pip installs.
        with_runtime: whether to add a copy of our `runtime`.
        python: an interpreter to use instead, with its own packages and this Quince.

    Raises:
        MachineError: it cannot be installed.
    """
    if python:
        return Environment(python, child_environment(), None)
    folder = default_cache() / "peers"
    target = folder / f"{name}-{_hash(requirements)}"
    with locked(folder):
        if not (target / INSTALLED).is_file():
            for old in folder.glob(f"{name}-{'[0-9a-f]' * 12}"):
                shutil.rmtree(old)
            _install(name, target, requirements)
    size = int(json.loads((target / INSTALLED).read_text())["size_bytes"])
    if with_runtime:
        copy = _site_packages(target) / QUINCE.name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(QUINCE, copy, ignore=ignored, dirs_exist_ok=True)
        size += _size(copy)
    return Environment(target / "bin" / "python", _variables(), size)


def _variables() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in REMOVED_VARIABLES}


def _hash(requirements: Sequence[str]) -> str:
    return hashlib.sha256("\n".join((sys.version, *requirements)).encode()).hexdigest()[:12]


def _install(name: str, target: Path, requirements: Sequence[str]) -> None:
    say(f"installing {name} into {target}: {', '.join(requirements)}")
    _run(name, [sys.executable, "-m", "venv", str(target)], _variables())
    bare = _size(_site_packages(target))
    # If pip is ended, it leaves gigabytes there. The next installation removes them with `target`.
    scratch = target / "tmp"
    scratch.mkdir()
    python = str(target / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(name, [*pip, *requirements], {**_variables(), "TMPDIR": str(scratch)})
    shutil.rmtree(scratch)
    size = _size(_site_packages(target)) - bare
    record = {"requires": list(requirements), "size_bytes": size}
    write_file(target / INSTALLED, json.dumps(record) + "\n")


def _run(name: str, command: Sequence[str], variables: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=variables,
        errors="replace",
    )
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        last = errors[-1].removeprefix("ERROR: ") if errors else f"exit code {done.returncode}"
        raise MachineError(name, f"cannot be installed: {last}")


def _site_packages(target: Path) -> Path:
    return next((target / "lib").glob("python3*")) / "site-packages"


def _size(folder: Path) -> int:
    """Returns the bytes of all files in a folder, by their length."""
    return sum(
        file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink()
    )
