"""Emulates Raspberry Pi OS: a Debian for the device's processor that runs the documents' commands.

`--device SYSTEM/PROCESSOR` (repeatable) selects the devices; export.emulation has their names.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from export.emulation.emulated_python import write_machine_files
from export.emulation.processors import PROCESSORS, Processor
from export.emulation.rootfs import root_folder
from export.emulation.systems import SYSTEMS, System
from export.exporter import export
from export.formats.artifact_spec import ArtifactSpec
from export.inputs.trained_run import open_run
from export.options import ExportOptions
from export.parity.gate import ParityLimits
from runtime.errors import MachineError
from runtime.system.cache_dir import default_cache

ROOT = Path(__file__).parents[3]
DEFAULT_DEVICES = ["bookworm/cortex-a72"]
BUILD_INPUTS = (
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "quince.py",
    "runtime",
    "workstation",
    "train",
    "export",
    "benchmarks",
    "tools/strip_docstrings.py",
)
"""What `make dist` reads."""
SPECS = [
    ArtifactSpec(name, precision) for name in ("tflite", "onnx") for precision in ("int8", "fp32")
]
BINFMT = Path("/proc/sys/fs/binfmt_misc")
HOME = "home/pi"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
PASSED_VARIABLES = (
    "PIP_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
ENTER = """
set -e
mount -t proc proc "$0/proc"
mount --bind "$1/proc/cpuinfo" "$0/proc/cpuinfo"
mount --bind "$1/sys" "$0/sys"
mount --rbind /dev "$0/dev"
mount -t tmpfs tmpfs "$0/tmp"
mount --bind "$2" "$0/root/.cache"
root=$0
shift 2
exec chroot "$root" /usr/bin/env -i "$@"
"""
NO_NETWORK = re.compile(
    r"Temporary failure in name resolution|Failed to establish a new connection"
    r"|Network is unreachable|SSLCertVerificationError"
)
SCP = """#!/usr/bin/env python3
import os, subprocess, sys
*files, target = (word for word in sys.argv[1:] if word != "-r")  # scp -r FILES pi:TARGET
target = os.path.join(os.environ["PI"], target.split(":")[1])
subprocess.run(["cp", "-rL", *files, target], check=True)
"""
SSH = """#!/bin/sh
shift  # ssh pi COMMAND, run in the Pi's home
[ $# -eq 0 ] || { cd "$PI" && exec "$@"; }
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device",
        action="append",
        metavar="SYSTEM/PROCESSOR",
        help=f"default: {DEFAULT_DEVICES[0]}",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pi" in metafunc.fixturenames:
        metafunc.parametrize(
            "pi",
            metafunc.config.getoption("--device") or DEFAULT_DEVICES,
            indirect=True,
            scope="session",
        )


@dataclass(frozen=True)
class Pi:
    """A root folder on one processor; the tests install Quince in the home of `pi`.

    machine: a folder with /proc/cpuinfo and /sys of that processor.
    """

    system: System
    processor: Processor
    root: Path
    machine: Path

    @property
    def home(self) -> Path:
        return self.root / HOME

    def run(
        self, command: str, seconds: float = 600, machine: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command line in the home of `pi`."""
        cache = default_cache() / "emulated" / f"pip-{self.system.name}"
        cache.mkdir(parents=True, exist_ok=True)
        environment = {
            "HOME": "/root",
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "QEMU_CPU": self.processor.name,
            "PIP_CERT": f"/{CERTIFICATES}",
        }
        environment |= {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER]
        words += [str(self.root), str(machine or self.machine), str(cache)]
        words += [f"{name}={value}" for name, value in environment.items()]
        words += ["sh", "-c", f"cd /{HOME} && {command}"]
        return subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def must(self, command: str) -> str:
        """Returns what the command prints; it must end with exit code 0."""
        done = self.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def emulation() -> Generator[None, None, None]:
    """Makes the kernel run ARM programs in QEMU; skips the tests if that is impossible."""
    if os.geteuid() != 0:
        pytest.skip("emulating a Raspberry Pi needs root, for chroot and mounts")
    if not shutil.which("unshare") or not Path("/usr/lib/binfmt.d/qemu-aarch64.conf").exists():
        pytest.skip(
            "emulating a Raspberry Pi needs apt-get install qemu-user-static mmdebstrap util-linux"
        )
    if not _works("unshare", "--mount", "--pid", "--fork", "true"):
        pytest.skip("emulating a Raspberry Pi needs `unshare --mount`, which fails here")
    mounted = (BINFMT / "register").exists()
    if not mounted and not _works("mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)):
        pytest.skip("emulating a Raspberry Pi needs binfmt_misc, which this kernel lacks")
    added = [name for name in ("qemu-aarch64", "qemu-arm") if not (BINFMT / name).exists()]
    for name in added:
        (BINFMT / "register").write_text(Path(f"/usr/lib/binfmt.d/{name}.conf").read_text().strip())
    yield
    for name in added:
        (BINFMT / name).write_text("-1")
    if not mounted:
        subprocess.run(["umount", BINFMT], check=False)


def _works(*command: str) -> bool:
    return not subprocess.run(command, capture_output=True, check=False).returncode


@pytest.fixture(scope="session")
def fruit(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exports a bundle of both formats, each in int8 and fp32."""
    path = tmp_path_factory.mktemp("fruit") / "bundle"
    options = ExportOptions(limits=ParityLimits(0.2, 0.8))
    export(open_run(trained, None), path, SPECS, options, overwrite=False)
    return path


@pytest.fixture(scope="session")
def workstation(fruit: Path, cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies the project's folder, with wheels and a bundle; `ssh` and `scp` reach the Pi."""
    folder = tmp_path_factory.mktemp("project")
    for name in BUILD_INPUTS:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    programs = Path(sys.executable).parent
    make = ["make", "dist", "-o", ".venv/build", f"BIN={programs}"]
    subprocess.run(make, cwd=folder, check=True)
    shutil.copytree(fruit, folder / "runs/fruit/bundle")
    for name, text in (("ssh", SSH), ("scp", SCP)):
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    Image.open(next((cells / "mono").iterdir())).convert("RGB").save(
        folder / "photo.jpg", quality=95
    )
    return folder


@pytest.fixture(scope="session")
def install(
    emulation: None, workstation: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[System], Path]:
    """Makes a system's root folder without Quince, once per session.

    The system has the home of `pi` and the network.
    """
    roots: dict[str, Path] = {}

    def make(system: System) -> Path:
        if system.name not in roots:
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
            roots[system.name] = root
        return roots[system.name]

    return make


@pytest.fixture(scope="session")
def pi(
    request: pytest.FixtureRequest,
    install: Callable[[System], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Pi:
    """Makes the device that a test runs on."""
    system, processor = request.param.split("/")
    machine = tmp_path_factory.mktemp(processor)
    write_machine_files(machine, PROCESSORS[processor])
    return Pi(SYSTEMS[system], PROCESSORS[processor], install(SYSTEMS[system]), machine)


def commands(document: str, heading: str) -> list[str]:
    """Returns the commands in the code blocks under a heading, one per line."""
    section = (ROOT / document).read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return [
        line
        for block in re.findall(r"```\n(.*?)```", section, re.DOTALL)
        for line in block.splitlines()
        if line
    ]


@pytest.fixture(scope="session")
def ready(pi: Pi, workstation: Path) -> Pi:
    """Installs Quince with the documents' commands, once for all processors of a system."""
    if (pi.home / "installed").exists():
        return pi
    environment = {
        **os.environ,
        "PATH": f"{workstation / 'bin'}:{os.environ['PATH']}",
        "PI": str(pi.home),
    }
    steps = commands("README.md", "On the Raspberry Pi")
    if pi.system.machine == "armv7l":
        steps = [step for step in steps if step.startswith(("ssh", "scp"))]
        steps += commands("docs/raspberry-pi.md", "On 32 bit")
    for step in steps:
        if step.startswith(("ssh", "scp")):
            subprocess.run(["sh", "-c", step], cwd=workstation, env=environment, check=True)
        elif step.startswith("sudo apt"):
            assert {"python3-venv", *pi.system.packages} >= set(step.split()[3:]), step
        else:
            _run_step(pi, step)
    if pi.system.machine != "armv7l":
        (wheel,) = pi.home.glob("*.whl")
        pi.must(f"venv/bin/pip install './{wheel.name}[onnx]'")
    (pi.home / "installed").touch()
    return pi


def _run_step(pi: Pi, step: str) -> None:
    done = pi.run(step.removeprefix("sudo "))  # it has no sudo, and runs everything as root
    if step.endswith("--source picamera2"):  # the emulated Pi has no camera
        assert done.returncode == 4, f"{step}\n{done.stdout}\n{done.stderr}"
        assert "sudo apt install python3-picamera2" in done.stderr
    elif done.returncode:
        no_network = NO_NETWORK.search(done.stderr)
        if no_network:
            pytest.skip(f"the emulated Raspberry Pi reaches no package index: {no_network[0]}")
        raise AssertionError(f"{step}\n{done.stdout}\n{done.stderr}")


@pytest.fixture(scope="session")
def commands_of() -> Callable[[str, str], list[str]]:
    return commands
