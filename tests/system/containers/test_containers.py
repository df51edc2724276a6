"""Builds the container images without a daemon and runs them; `make container-test`.

The base is a Debian that mmdebstrap makes, because no registry may be within reach.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
from PIL import Image

from runtime import Classifier

ROOT = Path(__file__).parents[3]
BUNDLE = ROOT / "tests" / "data" / "bundle_schema_1"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
BASE = f"FROM scratch\nADD rootfs /\nENV PIP_CERT=/{CERTIFICATES}\n"
PACKAGES = "python3,python3-venv,ca-certificates"
READ_ONLY = """
set -e
root=$0
mount --bind "$root" "$root"
mkdir -p "$root/data/in"
mount --bind "$1" "$root/data/in"
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
shift
exec chroot --userspec=1000:1000 "$root" env -i PATH=/opt/quince/bin:/usr/bin:/bin \\
    PYTHONDONTWRITEBYTECODE=1 XDG_CACHE_HOME=/tmp sh -c 'cd /data && exec "$@"' sh "$@"
"""
"""What docker's --read-only --tmpfs /tmp does; buildah has no such option."""
Buildah = Callable[..., str]


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    """Runs buildah with a store of its own, in which there is the image `base`."""
    if os.geteuid() != 0 or not shutil.which("buildah") or not shutil.which("mmdebstrap"):
        pytest.skip("building containers needs root and apt-get install buildah mmdebstrap")
    folder = tmp_path_factory.mktemp("containers")
    options = ("--storage-driver", "vfs", "--root", folder / "store", "--runroot", folder / "run")

    def run(*words: str | Path) -> str:
        done = subprocess.run(
            ["buildah", *options, *words], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    make = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "trixie"]
    if subprocess.run([*make, folder / "rootfs"], check=False).returncode:
        pytest.skip("no Debian within reach")
    shutil.copy(f"/{CERTIFICATES}", folder / "rootfs" / CERTIFICATES)
    (folder / "Dockerfile").write_text(BASE)
    run("bud", "--isolation", "chroot", "-t", "base", folder)
    yield run
    subprocess.run(["buildah", *options, "rm", "--all"], check=False, capture_output=True)


@pytest.fixture(scope="module")
def wheels() -> None:
    make = ["make", "dist", "-o", ".venv/build", f"BIN={Path(sys.executable).parent}"]
    subprocess.run(make, cwd=ROOT, check=True)


@pytest.fixture
def inside(buildah: Buildah, wheels: None, tmp_path: Path) -> Callable[..., str]:
    """Builds the image of a folder in docker/; runs commands in it, with files in /data/in."""

    def build(name: str, read_only: bool = False) -> Callable[..., str]:
        file = f"docker/{name}/Dockerfile"
        options = ("--isolation", "chroot", "--format", "docker")
        buildah("bud", *options, "--build-arg", "BASE=base", "-f", file, "-t", name, ".")
        container = buildah("from", "--pull-never", name).strip()
        (tmp_path / "files").mkdir()
        shutil.copytree(BUNDLE, tmp_path / "files" / "bundle")
        write_clip(tmp_path / "files" / "clip.mp4")
        tmp_path.chmod(0o755)
        if read_only:
            script = ("unshare", "--mount", "sh", "-c", READ_ONLY)
            command = (*script, buildah("mount", container).strip(), tmp_path / "files")
            return lambda *words: (
                subprocess.run(
                    [*command, *words], stdout=subprocess.PIPE, text=True, check=True
                ).stdout
            )
        volume = ("-v", f"{tmp_path / 'files'}:/data/in:ro")
        run = ("run", "--isolation", "chroot", "--user", "quince", *volume, container, "--")
        return lambda *words: buildah(*run, *words)

    return build


def write_clip(path: Path) -> None:
    with av.open(str(path), "w") as clip, Image.open(BUNDLE / "golden/00-circle.png") as image:
        stream = clip.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_image(image.convert("RGB").resize((64, 64)))
        for _ in range(20):
            clip.mux(stream.encode(frame))
        clip.mux(stream.encode())


def test_device(inside: Callable[..., str]) -> None:
    run = inside("device")
    assert "uid=1000(quince)" in run("id")
    assert "as exported" in run("quince", "run", "verify", "in/bundle")
    image = "golden/00-circle.png"
    printed = run("quince", "run", "predict", "in/bundle", f"in/bundle/{image}")
    assert Classifier(BUNDLE).classify(BUNDLE / image)[0].label in printed
    assert "in/clip.mp4 #" in run("quince", "run", "camera", "in/bundle", "--source", "in/clip.mp4")
    assert "can run here" in run("quince", "run", "doctor", "in/bundle")


def test_device_needs_no_root_that_can_be_written(inside: Callable[..., str]) -> None:
    run = inside("device", read_only=True)
    assert run("sh", "-c", "touch /data/x /opt/x 2>&1 || true").count("Read-only file system") == 2
    assert "as exported" in run("quince", "run", "verify", "in/bundle")
    assert "in/clip.mp4 #" in run("quince", "run", "camera", "in/bundle", "--source", "in/clip.mp4")


def test_workbench(inside: Callable[..., str]) -> None:
    run = inside("workbench")
    assert "uid=1000(quince)" in run("id")
    assert "2624 images" in run("quince", "train", "sample", "elpv", "-o", "/data/elpv")
    small = "--backbone simple-cnn --input-size 32 --epochs 2 --head-epochs 2 --variants 1"
    go_on = ("--export", "tflite")
    trained = run("quince", "train", "/data/elpv", "-o", "/data/run", *small.split(), *go_on)
    assert "trained in" in trained
    assert "as exported" in run("quince", "run", "verify", "/data/run/bundle")
