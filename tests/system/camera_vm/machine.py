"""Builds a virtual arm64 computer with a camera.

It has Debian's kernel with its `vivid` driver, and the packages that pyproject.toml installs on a
Raspberry Pi. It is built once and kept in $XDG_CACHE_HOME/quince/emulated/camera-vm-HASH (about 350
MB). HASH is that of this recipe, so another recipe builds another one. Older ones may be deleted.
"""

import gzip
import os
import shutil
import subprocess
import time
import tomllib
from dataclasses import replace
from pathlib import Path

from export.emulation.rootfs import RECIPE, cached, unpack_debian, unpack_wheels
from export.emulation.systems import SYSTEMS

ROOT = Path(__file__).parents[3]
SYSTEM = replace(SYSTEMS["bookworm"], packages=("busybox-static", "linux-image-arm64"))
EXTRAS = ("tflite", "camera", "live")
MODULES = {
    "virtio_pci": "",
    "9pnet_virtio": "",
    "9p": "",
    "vivid": "n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 no_error_inj=1",
    "vhci_hcd": "",
    "uvcvideo": "",
}
"""Kernel modules in loading order, with their parameters.

vivid: one webcam that only captures. vhci_hcd: a USB port whose other end is a program (USB/IP).
uvcvideo: the driver of USB cameras.
"""
PROGRAMS = {
    "qemu-system-aarch64": "qemu-system-arm",
    "mmdebstrap": "mmdebstrap",
    "qemu-aarch64-static": "qemu-user-static",
    "modprobe": "kmod",
    "cpio": "cpio",
}
"""The required programs with their Debian packages."""
EMULATOR = (
    "qemu-system-aarch64 -M virt -cpu cortex-a72 -accel tcg,thread=multi -smp 2 -m 1024 "
    "-nographic -no-reboot -net none"
)
KERNEL_OPTIONS = "console=ttyAMA0 quiet panic=-1"
INIT = """#!/busybox sh
/busybox mkdir -p /proc /sys /dev /root
/busybox mount -t proc proc /proc
/busybox mount -t sysfs sys /sys
/busybox mount -t devtmpfs dev /dev
while read file parameters; do
    /busybox insmod /modules/$file $parameters || echo "module $file failed"
done < /modules/order
options=trans=virtio,version=9p2000.L,msize=262144
/busybox mount -t 9p -o $options,cache=loose root /root
/busybox mount -t 9p -o $options,cache=none share /root/share
/busybox mount -t tmpfs tmp /root/tmp
for folder in dev proc sys; do /busybox mount --move /$folder /root/$folder; done
/busybox ip link set lo up
export PYTHONPATH=/share:/site TMPDIR=/tmp HOME=/tmp
/busybox chroot /root /usr/bin/python3 -u /share/inside/run.py
/busybox poweroff -f
"""


def missing_packages() -> list[str]:
    """Returns the Debian packages to install before a machine can be built."""
    return [
        package
        for program, package in PROGRAMS.items()
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    ]


def requirements() -> list[str]:
    """Returns the packages that pyproject.toml requires on the device."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [
        *project["dependencies"],
        *(package for extra in EXTRAS for package in project["optional-dependencies"][extra]),
    ]


def machine() -> Path:
    """Returns the folder of the machine (kernel, initrd, root/); builds it if it is missing."""
    recipe = f"{RECIPE} {Path(__file__).read_text()} {requirements()}"
    return cached("camera-vm", recipe, _build, "build the computer with a camera")


def _build(folder: Path) -> None:
    root = folder / "root"
    root.mkdir()
    unpack_debian(root, SYSTEM)
    unpack_wheels(root / "site", SYSTEM, requirements(), dependencies=True)
    for name in ("share", "tmp", "proc", "sys", "dev"):
        (root / name).mkdir(exist_ok=True)
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    _build_initrd(root, kernel.name.removeprefix("vmlinuz-"), folder)
    shutil.move(kernel, folder / "kernel")
    for name in (
        "boot",
        "lib/modules",
        "usr/share/doc",
        "usr/share/locale",
        "usr/lib/linux-image-" + kernel.name.removeprefix("vmlinuz-"),
    ):
        shutil.rmtree(root / name, ignore_errors=True)


def _build_initrd(root: Path, version: str, folder: Path) -> None:
    initrd = folder / "initrd.d"
    (initrd / "modules").mkdir(parents=True)
    (busybox,) = (
        path
        for path in (root / "bin/busybox", root / "usr/bin/busybox")
        if path.is_file() and not path.parent.is_symlink()
    )
    shutil.copy(busybox, initrd / "busybox")
    (initrd / "init").write_text(INIT)
    (initrd / "init").chmod(0o755)
    _run("depmod", "-b", str(root), version)
    order: dict[str, str] = {}
    for name, parameters in MODULES.items():
        for line in _run(
            "modprobe", "-d", str(root), "-S", version, "--show-depends", name
        ).splitlines():
            path = Path(line.split()[1])
            shutil.copy(path, initrd / "modules")
            order.setdefault(path.name, "")
        order[path.name] = parameters
    (initrd / "modules/order").write_text(
        "".join(f"{file} {parameters}\n" for file, parameters in order.items())
    )
    names = "\n".join(str(path.relative_to(initrd)) for path in sorted(initrd.rglob("*")))
    archive = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"],
        cwd=initrd,
        input=names.encode(),
        capture_output=True,
        check=True,
    )
    (folder / "initrd").write_bytes(gzip.compress(archive.stdout, 1))
    shutil.rmtree(initrd)


def boot(folder: Path, share: Path, seconds: float) -> float:
    """Runs `share`/inside/run.py in the machine until it powers off; returns the seconds taken.

    Its output is in `share`/console.
    """
    drives = [
        word
        for tag, path in (("root", folder / "root"), ("share", share))
        for word in ("-virtfs", _virtfs(tag, path))
    ]
    kernel = ["-kernel", str(folder / "kernel"), "-initrd", str(folder / "initrd")]
    kernel += ["-append", KERNEL_OPTIONS]
    start = time.monotonic()
    with (share / "console").open("wb") as console:
        process = subprocess.Popen(
            [*EMULATOR.split(), *drives, *kernel],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
        )
        try:
            process.wait(seconds)
        finally:
            process.kill()
            process.wait()
    return time.monotonic() - start


def _virtfs(tag: str, path: Path) -> str:
    return f"local,path={path},mount_tag={tag},security_model=none,id={tag}"


def _run(*command: str) -> str:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": path})
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
