"""Runs a Python script on an emulated device: one process, without a root's rights, and without a file of the workstation changed."""

import os
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from export.emulated.processors import Processor, cpuinfo
from export.emulated.root import root_folder, site_folder
from export.emulated.systems import System
from runtime.children import ROOT
from runtime.errors import MachineError

CORES = 2
SHOWN = 300


def machine_files(folder: Path, processor: Processor, cores: int = CORES) -> None:
    """Writes below `folder` what interpreters learn the processor from: /proc/cpuinfo and three files in /sys."""
    texts = {"proc/cpuinfo": cpuinfo(processor, cores)}
    texts |= {f"sys/devices/system/cpu/{name}": f"0-{cores - 1}\n" for name in ("possible", "present", "online")}
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@dataclass(frozen=True)
class EmulatedPython:
    """A system's Python with Quince and some packages. Programs it starts in turn do not run: they would not be emulated.

    root: what the emulated program sees in place of the workstation's files, where it has them. path: where it finds modules.
    running: what `stop` ends.
    """

    system: System
    processor: Processor
    root: Path
    path: tuple[Path, ...]
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def stop(self) -> None:
        """Ends every script, from another thread."""
        for process in self.running:
            process.kill()

    def lines(self, script: Path, *words: str) -> Generator[str]:
        """What the script prints, as it prints it. Closing the generator ends it.

        Raises:
            MachineError: it does not end with 0.
        """
        # -s: packages in the home of the workstation's user are not the device's
        command = [self.system.qemu, "-L", str(self.root), "-cpu", self.processor.name, str(self.root / "usr/bin/python3"), "-s"]
        command += [str(script), *words]
        given = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, self.path))}
        silent, told = subprocess.DEVNULL, subprocess.PIPE
        with TemporaryFile("w+", errors="replace") as said:
            with subprocess.Popen(command, stdin=silent, stdout=told, stderr=said, text=True, env=given) as process:
                self.running.append(process)
                try:
                    yield from process.stdout or ()
                except GeneratorExit:
                    process.kill()
                    raise
            if code := process.returncode:
                said.seek(0)
                last = (said.read().strip().splitlines() or ["nothing"])[-1][:SHOWN]
                how = f"died of signal {-code}" if code < 0 else f"ended with {code}"
                advice = f"if that tells nothing, remove {self.path[0].resolve().parent}, so that the device is built anew"
                raise MachineError(f"{self.system.name} on {self.processor.name}", f"{script.name} {how} and said: {last}; {advice}")


@contextmanager
def emulated_python(system: System, processor: Processor, packages: Sequence[str]) -> Generator[EmulatedPython, None, None]:
    """A system's Python on this processor with these packages ("numpy==2.4.6"), while the context lasts.

    Raises:
        MachineError: it cannot be set up here.
    """
    base, site = root_folder(system).absolute(), site_folder(system, packages).absolute()
    with TemporaryDirectory(prefix="quince-emulated-") as scratch:
        root = Path(scratch)
        for part in base.iterdir():
            if part.name not in ("proc", "sys", "dev", "tmp"):
                (root / part.name).symlink_to(part)
        machine_files(root, processor)
        ours = root / "quince"  # the runtime alone: beside it may lie the workstation's packages
        ours.mkdir()
        (ours / "runtime").symlink_to(Path(ROOT) / "runtime")
        (root / "site").symlink_to(site)  # the cache's own path may hold a colon, which would end a part of PYTHONPATH
        yield EmulatedPython(system, processor, root, (root / "site", ours))
