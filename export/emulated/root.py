"""Builds a system's root folder below the cache: once, and anew when its recipe changes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from export.emulated.systems import PACKAGES, System
from runtime.atomic import locked, scratch_folder
from runtime.cache_folder import default_cache
from runtime.digest import digest
from runtime.errors import MachineError
from runtime.progress import Progress
from runtime.provenance import versions

RECIPE = 3
"""Raised by whoever changes what the functions below put into a folder."""
MIRROR = "QUINCE_DEBIAN_MIRROR"
"""A variable that names another mirror of Debian's than mmdebstrap's own, which it takes with the updates of security beside it."""
TRIES, PAUSE_S, SHOWN, GRACE_S = 3, 5.0, 300, 10.0
CAUSES = (("No space left on device", "the disk is full"), ("connection broken by", "the package index cannot be reached"))
"""In what a program says, what tells more than its last error; and the words for it."""


def root_folder(system: System) -> Path:
    """The system's root folder, built if it is not in the cache.

    Raises:
        MachineError: a program is missing, or Debian's packages cannot be had.
    """
    require_programs(system)
    recipe = f"{RECIPE} {system} {PACKAGES}"
    return cached(f"system-{system.name}", recipe, lambda folder: unpack_debian(folder, system), f"build {system.name}")


def require_programs(system: System) -> None:
    """Raises MachineError for what the system cannot be built or run without."""
    for program, package in (("mmdebstrap", "mmdebstrap"), (system.qemu, "qemu-user-static")):
        if not shutil.which(program):
            raise MachineError(program, f"not here, and needed to emulate the device; sudo apt install {package}")


def site_folder(system: System, packages: Sequence[str]) -> Path:
    """A folder of the packages in these versions as that system installs them, for PYTHONPATH.

    Raises:
        MachineError: pip cannot get one of them.
    """
    recipe = f"{RECIPE} {system} {sorted(packages)}"
    return cached(f"site-{system.name}", recipe, lambda folder: unpack_wheels(folder, system, packages), f"packages of {system.name}")


def pinned(*packages: str) -> list[str]:
    """ "numpy==2.4.6" for each that is installed here: a comparison of processors is one of the same versions."""
    return [f"{name}=={version}" for name, version in versions(*packages).items()]


def cached(name: str, recipe: str, fill: Callable[[Path], None], label: str) -> Path:
    """The folder of this recipe in the cache; one process fills it, others wait, and one that is interrupted leaves nothing of it."""
    cache = default_cache() / "emulated"
    folder = cache / f"{name}-{digest(recipe.encode())[:12]}"
    if folder.is_dir():  # it was renamed into its place whole
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
    """Debian's packages, unpacked into `folder` without running their scripts, and without device files, which only root could make.

    Raises:
        MachineError: they cannot be had.
    """
    mode = "root" if os.geteuid() == 0 else "unshare"
    command = ["mmdebstrap", f"--mode={mode}", "--variant=extract", "--format=tar", f"--architectures={system.architecture}"]
    archive = folder.with_name("archive.tar")
    command += [f"--include={','.join(PACKAGES + system.packages)}", system.suite, str(archive)]
    command += [mirror] if (mirror := os.environ.get(MIRROR)) else []
    _run(command, f"Debian's {system.suite} for {system.architecture}")
    _run(["tar", "-xf", str(archive), "-C", str(folder), "--exclude=./dev/*"], f"Debian's {system.suite} for {system.architecture}")
    shell = next(folder / name for name in ("bin", "usr/bin") if (folder / name / "bash").is_file())
    (shell / "sh").unlink(missing_ok=True)
    (shell / "sh").symlink_to("bash")  # dash' script would have made it
    for library in folder.glob("usr/lib/*/*/lib*.so.3"):  # libblas and liblapack, which update-alternatives would have linked
        if not (link := library.parents[1] / library.name).exists():
            link.symlink_to(library.relative_to(link.parent))
    archive.unlink()


def unpack_wheels(folder: Path, system: System, packages: Sequence[str], *, dependencies: bool = False) -> None:
    """The wheels that pip would install on the system, and with `dependencies` those they ask for, in `folder`.

    Raises:
        MachineError: pip cannot get one of them.
    """
    version = system.python.replace(".", "")
    tags = [f"--abi={abi}" for abi in (f"cp{version}", "abi3", "none")] + [f"--platform={wheel}" for wheel in system.wheels]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    command += [] if dependencies else ["--no-deps"]
    command += [f"--target={folder}", "--implementation=cp", f"--python-version={version}", *tags, *packages]
    _run(command, f"packages of {system.name}", TMPDIR=str(folder.parent))  # where pip leaves nothing behind, however it ends


def _run(command: Sequence[str], what: str, **variables: str) -> None:
    """Runs it, three times if need be: Debian's mirrors fail now and then while they are updated.

    Raises:
        MachineError: it fails each time.
    """
    for left in reversed(range(TRIES)):
        code, stderr = run_apart(command, {**os.environ, **variables})
        if code == 0:
            return
        if not left:
            lines = stderr.strip().splitlines() or ["nothing"]
            said = next((line for line in lines if line.lower().startswith(("e:", "error"))), lines[-1])[:SHOWN]
            causes = "".join(f"{words}: " for mark, words in CAUSES if mark in stderr)
            mirror = f"; {MIRROR} names another mirror" if command[0] == "mmdebstrap" and not causes else ""
            raise MachineError(what, f"cannot be had: {causes}{Path(command[0]).name} ended with {code} and said: {said}{mirror}")
        time.sleep(PAUSE_S)


def run_apart(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Runs it in a process group of its own; its exit code and standard error. When we are interrupted it is told to end, and cleans up.

    mmdebstrap hangs up its whole group when its disk is full, so ours must not be that one.
    """
    silent, said = subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen(
        command, stdin=silent, stdout=silent, stderr=said, text=True, errors="replace", process_group=0, env=environment
    ) as process:
        try:
            stderr = process.communicate()[1]
            return process.returncode, stderr
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=GRACE_S)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            raise
