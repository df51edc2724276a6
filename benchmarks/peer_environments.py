"""An environment for each peer, with what it needs and nothing else, kept in the cache until its requirements change."""

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
from runtime import cli
from runtime.atomic import locked, write_file
from runtime.cache_folder import default_cache
from runtime.children import environment as with_quince
from runtime.errors import MachineError

INSTALLED = "installed.json"
"""Written last: without it the folder is what an interrupted installation left."""
QUINCE = Path(str(runtime.__file__)).parent
NOT_THEIRS = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "QUINCE_CONSOLE")


@dataclass(frozen=True)
class Environment:
    """python: its interpreter. variables: what a process in it is given. size_bytes: of all that was installed, None: not known."""

    python: Path
    variables: dict[str, str]
    size_bytes: int | None


def given_environment(python: Path) -> Environment:
    """That of an interpreter that is there already; it finds this Quince."""
    return Environment(python, with_quince(), None)


def environment_of(name: str, requires: Sequence[str], *, with_runtime: bool = False) -> Environment:
    """The environment `name` with `requires` in it, and with a copy of our `runtime` if asked for; installed now if it is not there yet.

    Raises:
        MachineError: it cannot be installed.
    """
    folder = default_cache() / "peers"
    place = folder / f"{name}-{_hash(requires)}"
    with locked(folder):
        if not (place / INSTALLED).is_file():
            for old in folder.glob(f"{name}-{'[0-9a-f]' * 12}"):
                shutil.rmtree(old)
            _install(name, place, requires)
    size = int(json.loads((place / INSTALLED).read_text())["size_bytes"])
    if with_runtime:
        copy = _site(place) / QUINCE.name
        shutil.copytree(QUINCE, copy, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        size += _size(copy)
    variables = {key: value for key, value in os.environ.items() if key not in NOT_THEIRS}
    return Environment(place / "bin" / "python", variables, size)


def _hash(requires: Sequence[str]) -> str:
    return hashlib.sha256("\n".join((sys.version, *requires)).encode()).hexdigest()[:12]


def _install(name: str, place: Path, requires: Sequence[str]) -> None:
    cli.say(f"installing {name} into {place}: {', '.join(requires)}")
    _run(name, [sys.executable, "-m", "venv", str(place)])
    bare = _size(_site(place))
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    scratch = place / "tmp"  # an installation that is ended leaves gigabytes there, and what is left of `place` goes at the next
    scratch.mkdir()
    _run(name, [*pip, *requires], scratch)
    shutil.rmtree(scratch)
    write_file(place / INSTALLED, json.dumps({"requires": list(requires), "size_bytes": _size(_site(place)) - bare}) + "\n")


def _run(name: str, command: Sequence[str], scratch: Path | None = None) -> None:
    variables = {key: value for key, value in os.environ.items() if key not in NOT_THEIRS}
    if scratch:
        variables["TMPDIR"] = str(scratch)
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=variables, errors="replace")
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("ERROR")] or said[-1:] or [f"exit code {done.returncode}"]
        raise MachineError(name, f"cannot be installed: {errors[-1].removeprefix('ERROR: ')}")


def _site(place: Path) -> Path:
    return next((place / "lib").glob("python3*")) / "site-packages"


def _size(folder: Path) -> int:
    """Bytes of all files below it, by their length."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
