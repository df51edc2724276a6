"""Builds the root folder of a system in the cache, once for each recipe."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from export.emulation.systems import PACKAGES, System
from runtime.errors import MachineError
from runtime.shared.progress import Progress
from runtime.system.atomic_files import locked, scratch_folder
from runtime.system.cache_dir import default_cache
from runtime.system.hashing import sha256_of
from runtime.system.provenance import versions

RECIPE = 3
"""Must be raised whenever the functions below put something else into a folder."""
MIRROR = "QUINCE_DEBIAN_MIRROR"
"""The environment variable for another mirror of Debian.

mmdebstrap's own mirror comes with the security updates.
"""
TRIES, PAUSE_S, GRACE_S = 3, 5.0, 10.0
"""How often a program is run, the pause between two runs, and the time to end when interrupted."""
MAX_REASON_CHARS = 300
CAUSES = (
    ("No space left on device", "the disk is full"),
    ("connection broken by", "the package index cannot be reached"),
)
"""Texts in a program's output that explain more than its last error, and what they mean."""


def root_folder(system: System) -> Path:
    """Returns the root folder of a system, built if it is not in the cache.

    Raises:
        MachineError: a program is missing, or Debian's packages cannot be downloaded.
    """
    require_programs(system)
    recipe = f"{RECIPE} {system} {PACKAGES}"
    return cached(
        f"system-{system.name}",
        recipe,
        lambda folder: unpack_debian(folder, system),
        f"build {system.name}",
    )


def require_programs(system: System) -> None:
    """Raises MachineError if a program that builds or runs the system is missing."""
    for program, package in (("mmdebstrap", "mmdebstrap"), (system.qemu, "qemu-user-static")):
        if not shutil.which(program):
            raise MachineError(
                program,
                "not found, but needed to emulate the device; install it with:"
                f" sudo apt install {package}",
            )


def site_folder(system: System, packages: Sequence[str]) -> Path:
    """Returns a folder for PYTHONPATH with the packages as the system installs them.

    Raises:
        MachineError: pip cannot download one of them.
    """
    recipe = f"{RECIPE} {system} {sorted(packages)}"
    return cached(
        f"site-{system.name}",
        recipe,
        lambda folder: unpack_wheels(folder, system, packages),
        f"packages of {system.name}",
    )


def pinned(*packages: str) -> list[str]:
    """Returns "numpy==2.4.6" for each package that is installed here.

    Processors are compared with the same versions.
    """
    return [f"{name}=={version}" for name, version in versions(*packages).items()]


def cached(name: str, recipe: str, fill: Callable[[Path], None], label: str) -> Path:
    """Returns the folder of this recipe in the cache.

    One process fills it while others wait; an interrupted process leaves nothing of it.
    """
    cache = default_cache() / "emulated"
    folder = cache / f"{name}-{sha256_of(recipe.encode())[:12]}"
    if folder.is_dir():  # it was renamed into its place, so it is whole
        return folder
    with Progress(label, 1) as bar, locked(cache):
        if not folder.is_dir():
            with scratch_folder(cache) as scratch:
                new = scratch / "new"
                new.mkdir()
                fill(new)
                new.rename(folder)
        bar.advance()
    return folder


def unpack_debian(folder: Path, system: System) -> None:
    """Unpacks Debian's packages into `folder`, without their scripts and without device files.

    Only root could make device files.

    Raises:
        MachineError: the packages cannot be downloaded.
    """
    archive = folder.with_name("archive.tar")
    command = [
        "mmdebstrap",
        f"--mode={'root' if os.geteuid() == 0 else 'unshare'}",
        "--variant=extract",
        "--format=tar",
        f"--architectures={system.architecture}",
        f"--include={','.join(PACKAGES + system.packages)}",
        system.suite,
        str(archive),
    ]
    mirror = os.environ.get(MIRROR)
    if mirror:
        command.append(mirror)
    name = f"Debian's {system.suite} for {system.architecture}"
    _run(command, name)
    _run(["tar", "-xf", str(archive), "-C", str(folder), "--exclude=./dev/*"], name)
    archive.unlink()
    _link_shell(folder)
    _link_libraries(folder)


def _link_shell(folder: Path) -> None:
    """Makes /bin/sh, which a script of the package dash would have made."""
    shell = next(folder / name for name in ("bin", "usr/bin") if (folder / name / "bash").is_file())
    (shell / "sh").unlink(missing_ok=True)
    (shell / "sh").symlink_to("bash")


def _link_libraries(folder: Path) -> None:
    """Links libblas and liblapack, which update-alternatives would have linked."""
    for library in folder.glob("usr/lib/*/*/lib*.so.3"):
        link = library.parents[1] / library.name
        if not link.exists():
            link.symlink_to(library.relative_to(link.parent))


def unpack_wheels(
    folder: Path, system: System, packages: Sequence[str], *, dependencies: bool = False
) -> None:
    """Unpacks the wheels that pip would install on the system, if asked with dependencies.

    Raises:
        MachineError: pip cannot download one of them.
    """
    version = system.python.replace(".", "")
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        "--only-binary=:all:",
        *([] if dependencies else ["--no-deps"]),
        f"--target={folder}",
        "--implementation=cp",
        f"--python-version={version}",
        *(f"--abi={abi}" for abi in (f"cp{version}", "abi3", "none")),
        *(f"--platform={wheel}" for wheel in system.wheels),
        *packages,
    ]
    # pip leaves nothing in this TMPDIR, however it ends
    _run(command, f"packages of {system.name}", TMPDIR=str(folder.parent))


def _run(command: Sequence[str], name: str, **variables: str) -> None:
    """Runs a program, up to three times: Debian's mirrors sometimes fail while they are updated.

    Raises:
        MachineError: the program fails each time.
    """
    code, errors = 0, ""
    for number in range(TRIES):
        if number:
            time.sleep(PAUSE_S)
        code, errors = run_in_own_group(command, {**os.environ, **variables})
        if code == 0:
            return
    raise MachineError(name, _download_failure(command[0], code, errors))


def _download_failure(program: str, code: int, errors: str) -> str:
    lines = errors.strip().splitlines() or ["nothing"]
    error_lines = (line for line in lines if line.lower().startswith(("e:", "error")))
    text = next(error_lines, lines[-1])[:MAX_REASON_CHARS]
    causes = "".join(f"{meaning}: " for mark, meaning in CAUSES if mark in errors)
    reason = f"cannot be downloaded: {causes}{Path(program).name} ended with exit code {code} and"
    reason += f" printed: {text}"
    if program == "mmdebstrap" and not causes:
        reason += f"; the variable {MIRROR} names another mirror"
    return reason


def run_in_own_group(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Runs a program in its own process group; returns its exit code and standard error.

    mmdebstrap hangs up its whole group when its disk is full, so that must not be our group. If we
    are interrupted, the program is asked to end and cleans up.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        process_group=0,
        env=environment,
    ) as process:
        try:
            errors = process.communicate()[1]
        except BaseException:
            _end_group(process)
            raise
        return process.returncode, errors


def _end_group(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=GRACE_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
