"""Raspberry Pi OS, emulated: a Debian of the device's processor in which the commands of the documents run as they stand there.

`--device SYSTEM/PROCESSOR` (repeatable) chooses which; see export.emulated for their names.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from export.emulated.processors import PROCESSORS, Processor
from export.emulated.python import machine_files
from export.emulated.root import root_folder
from export.emulated.systems import SYSTEMS, System
from export.gate import Limits
from export.kind import Kind
from export.run import ExportOptions, export
from runtime.cache_folder import default_cache
from runtime.errors import MachineError

ROOT = Path(__file__).parents[2]
SHORT = ["bookworm/cortex-a72"]
COPIED = ("pyproject.toml", "README.md", "runtime", "benchmarks")
KINDS = [Kind(name, precision) for name in ("tflite", "onnx") for precision in ("int8", "fp32")]
BINFMT = Path("/proc/sys/fs/binfmt_misc")
HOME = "home/pi"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
PASSED_ON = ("PIP_INDEX_URL", "PIP_TRUSTED_HOST", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "no_proxy")
ENTER = """
mount -t proc proc "$0/proc" && mount --bind "$1/proc/cpuinfo" "$0/proc/cpuinfo" && mount --bind "$1/sys" "$0/sys" &&
mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/tmp" && mount --bind "$2" "$0/root/.cache" && root=$0 && shift 2 &&
exec chroot "$root" /usr/bin/env -i "$@"
"""
NO_NETWORK = re.compile(
    r"Temporary failure in name resolution|Failed to establish a new connection|Network is unreachable|SSLCertVerificationError"
)
SCP = """#!/usr/bin/env python3
import os, subprocess, sys
*files, place = sys.argv[2:]  # scp -r FILES pi:PLACE
subprocess.run(["cp", "-rL", *files, os.path.join(os.environ["PI"], place.split(":")[1])], check=True)
"""
SSH = """#!/bin/sh
shift  # ssh pi COMMAND, run in the Pi's home
[ $# -eq 0 ] || { cd "$PI" && exec "$@"; }
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", action="append", metavar="SYSTEM/PROCESSOR", help=f"default: {SHORT[0]}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pi" in metafunc.fixturenames:
        metafunc.parametrize("pi", metafunc.config.getoption("--device") or SHORT, indirect=True, scope="session")


@dataclass(frozen=True)
class Pi:
    """A root folder with Quince installed in the home of `pi`, on one processor; `machine` holds that one's /proc/cpuinfo and /sys."""

    system: System
    processor: Processor
    root: Path
    machine: Path

    @property
    def home(self) -> Path:
        return self.root / HOME

    def run(self, command: str, seconds: float = 600, machine: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a command line in the home of `pi`."""
        cache = default_cache() / "emulated" / f"pip-{self.system.name}"
        cache.mkdir(parents=True, exist_ok=True)
        given = {"HOME": "/root", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "QEMU_CPU": self.processor.name}
        given |= {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"PIP_CERT": f"/{CERTIFICATES}"}
        variables = [f"{name}={value}" for name, value in given.items()]
        where = [str(self.root), str(machine or self.machine), str(cache)]
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, *where, *variables]
        words += ["sh", "-c", f"cd /{HOME} && {command}"]
        return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False)

    def must(self, command: str) -> str:
        """What the command prints; it ends with 0."""
        done = self.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def emulation() -> Generator[None, None, None]:
    """The kernel hands ARM programs to QEMU. Skips, with one line, where that cannot be."""
    if os.geteuid() != 0:
        pytest.skip("emulating a Raspberry Pi needs root, for chroot and mounts")
    if not shutil.which("unshare") or not Path("/usr/lib/binfmt.d/qemu-aarch64.conf").exists():
        pytest.skip("apt-get install qemu-user-static mmdebstrap util-linux: emulating a Raspberry Pi needs them")
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounts cannot be made apart here (unshare --mount), which emulating a Raspberry Pi needs")
    mounted = (BINFMT / "register").exists()
    if not mounted and subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], capture_output=True, check=False).returncode:
        pytest.skip("this kernel has no binfmt_misc, which emulating a Raspberry Pi needs")
    added = [name for name in ("qemu-aarch64", "qemu-arm") if not (BINFMT / name).exists()]
    for name in added:
        (BINFMT / "register").write_text(Path(f"/usr/lib/binfmt.d/{name}.conf").read_text().strip())
    yield
    for name in added:
        (BINFMT / name).write_text("-1")
    if not mounted:
        subprocess.run(["umount", BINFMT], check=False)


@pytest.fixture(scope="session")
def fruit(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of both formats, each in int8 and fp32."""
    path = tmp_path_factory.mktemp("fruit") / "bundle"
    export(trained, path, KINDS, ExportOptions(limits=Limits(0.2, 0.8)), data=None, overwrite=False)
    return path


@pytest.fixture(scope="session")
def workstation(fruit: Path, cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's folder as a user has it, with a trained and exported model, and `ssh` and `scp` that reach the emulated Pi."""
    folder = tmp_path_factory.mktemp("project")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    shutil.copytree(fruit, folder / "runs/fruit/bundle")
    for name, text in (("ssh", SSH), ("scp", SCP)):
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    Image.open(next((cells / "mono").iterdir())).convert("RGB").save(folder / "photo.jpg", quality=95)
    return folder


@pytest.fixture(scope="session")
def install(emulation: None, workstation: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[System], Path]:
    """A root folder of a system, once a session, without Quince: what `pi` has is only its home and the network."""
    made: dict[str, Path] = {}

    def make(system: System) -> Path:
        if system.name not in made:
            try:
                base = root_folder(system)
            except MachineError as error:
                pytest.skip(str(error))
            root = tmp_path_factory.mktemp(system.name) / "root"
            subprocess.run(["cp", "-a", base, root], check=True)
            for folder in (HOME, "proc", "sys", "dev", "tmp", "root/.cache", "etc/ssl/certs"):
                (root / folder).mkdir(parents=True, exist_ok=True)
            for file in ("etc/resolv.conf", CERTIFICATES):
                if Path(f"/{file}").exists():
                    shutil.copy(f"/{file}", root / file)
            shutil.copy(workstation / "photo.jpg", root / HOME)
            made[system.name] = root
        return made[system.name]

    return make


@pytest.fixture(scope="session")
def pi(request: pytest.FixtureRequest, install: Callable[[System], Path], tmp_path_factory: pytest.TempPathFactory) -> Pi:
    """The device that a test is run on."""
    system, processor = request.param.split("/")
    machine = tmp_path_factory.mktemp(processor)
    machine_files(machine, PROCESSORS[processor])
    return Pi(SYSTEMS[system], PROCESSORS[processor], install(SYSTEMS[system]), machine)


def commands(document: str, heading: str) -> list[str]:
    """The commands in the code blocks under a heading, a line each."""
    section = (ROOT / document).read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line for block in re.findall(r"```\n(.*?)```", section, re.DOTALL) for line in block.splitlines() if line]


@pytest.fixture(scope="session")
def ready(pi: Pi, workstation: Path) -> Pi:
    """Installed as the documents say; once for all processors of a system."""
    if (pi.home / "installed").exists():
        return pi
    environment = {**os.environ, "PATH": f"{workstation / 'bin'}:{os.environ['PATH']}", "PI": str(pi.home)}
    steps = commands("README.md", "On the Raspberry Pi")
    if pi.system.machine == "armv7l":
        steps = [step for step in steps if step.startswith(("ssh", "scp"))] + commands("docs/raspberry-pi.md", "On 32 bit")
    for step in steps:
        if step.startswith(("ssh", "scp")):
            subprocess.run(["sh", "-c", step], cwd=workstation, env=environment, check=True)
        elif step.startswith("sudo apt"):
            assert {"python3-venv", *pi.system.packages} >= set(step.split()[3:]), step
        elif (done := pi.run(step)).returncode:
            if no_network := NO_NETWORK.search(done.stderr):
                pytest.skip(f"the emulated Raspberry Pi reaches no package index: {no_network[0]}")
            raise AssertionError(f"{step}\n{done.stdout}\n{done.stderr}")
    if pi.system.machine != "armv7l":
        pi.must("venv/bin/pip install './quince[onnx]'")
    (pi.home / "installed").touch()
    return pi


@pytest.fixture(scope="session")
def commands_of() -> Callable[[str, str], list[str]]:
    return commands
