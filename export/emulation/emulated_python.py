"""Runs a Python script on an emulated device, without root's rights.

It is one process, and changes no file of the workstation.
"""

import os
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from export.emulation.processors import Processor, cpuinfo
from export.emulation.rootfs import root_folder, site_folder
from export.emulation.systems import System
from runtime.errors import MachineError
from runtime.system.subprocesses import ROOT

CORES = 2
MAX_REASON_CHARS = 300


def write_machine_files(folder: Path, processor: Processor, cores: int = CORES) -> None:
    """Writes the files that tell interpreters the processor: /proc/cpuinfo and three in /sys."""
    texts = {"proc/cpuinfo": cpuinfo(processor, cores)}
    for name in ("possible", "present", "online"):
        texts[f"sys/devices/system/cpu/{name}"] = f"0-{cores - 1}\n"
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@dataclass(frozen=True)
class EmulatedPython:
    """A system's Python with Quince and some packages.

    Programs that it starts do not run, because they would not be emulated.

    root: what the emulated program sees in place of the workstation's files, where it has them.
    path: where it finds modules. running: the processes that `stop` ends.
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
        """Yields the lines that the script prints. Closing the generator ends the script.

        Raises:
            MachineError: the script does not end with exit code 0.
        """
        with TemporaryFile("w+", errors="replace") as errors:
            with subprocess.Popen(
                [*self._python(), str(script), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, self.path))},
            ) as process:
                self.running.append(process)
                try:
                    yield from process.stdout or ()
                except GeneratorExit:
                    process.kill()
                    raise
            if process.returncode:
                errors.seek(0)
                raise self._failure(script, process.returncode, errors.read())

    def _python(self) -> list[str]:
        # -s: packages in the home of the workstation's user are not the device's
        python = str(self.root / "usr/bin/python3")
        return [self.system.qemu, "-L", str(self.root), "-cpu", self.processor.name, python, "-s"]

    def _failure(self, script: Path, code: int, errors: str) -> MachineError:
        lines = errors.strip().splitlines() or ["nothing"]
        how = f"died of signal {-code}" if code < 0 else f"ended with exit code {code}"
        cache = self.path[0].resolve().parent
        return MachineError(
            f"{self.system.name} on {self.processor.name}",
            f"{script.name} {how} and printed: {lines[-1][:MAX_REASON_CHARS]}; if that does not"
            f" help, remove {cache}, so that the device is built again",
        )


@contextmanager
def emulated_python(
    system: System, processor: Processor, packages: Sequence[str]
) -> Generator[EmulatedPython, None, None]:
    """Sets up a system's Python on this processor, with packages such as "numpy==2.4.6".

    Raises:
        MachineError: it cannot be set up here.
    """
    base, site = root_folder(system).absolute(), site_folder(system, packages).absolute()
    with TemporaryDirectory(prefix="quince-emulated-") as scratch:
        root = Path(scratch)
        for part in base.iterdir():
            if part.name not in ("proc", "sys", "dev", "tmp"):
                (root / part.name).symlink_to(part)
        write_machine_files(root, processor)
        # the runtime alone, because the workstation's packages may lie beside it
        quince = root / "quince"
        quince.mkdir()
        (quince / "runtime").symlink_to(Path(ROOT) / "runtime")
        # a link, because a colon in the cache's own path would end a part of PYTHONPATH
        (root / "site").symlink_to(site)
        yield EmulatedPython(system, processor, root, (root / "site", quince))
