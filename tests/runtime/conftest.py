"""Provides checks of one-line refusals, a real image, and small ONNX models for a test."""

import importlib.util
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import runtime.bundles.description
import runtime.models.first_load.first_load
from runtime.bundles.golden_images import GoldenImage, write_golden, write_pixels
from runtime.classifier import Classifier
from runtime.images.decoding import decode
from runtime.images.preprocessing import Preprocessing, resize
from runtime.models.manifest import Artifact, Manifest
from runtime.system.hashing import sha256_of

Check = Callable[..., None]
BUFFERED = {"PYTHONUNBUFFERED": ""}


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the user's cache folder clean, and this process from trying each model in a child.

    Hundreds of tests make a small model of their own. `test_first_load` and all tests that run a
    command do without the second.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        for module in (runtime.models.first_load.first_load, runtime.bundles.description):
            patch.setattr(module, "require_first_load", lambda *_: None)
        yield


@pytest.fixture(scope="session")
def photo(cells: Path) -> Path:
    return sorted(cells.rglob("*.png"))[0]


@pytest.fixture(scope="session")
def refuses() -> Check:
    """Asserts that a command ended with `code` and one line on stderr with all `words`."""

    def check(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
        assert done.returncode == code, done.stdout + done.stderr
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("python -m "), done.stderr
        for word in words:
            assert word in lines[0], done.stderr

    return check


@pytest.fixture
def edit_json() -> Callable[[Path, Callable[[dict], object]], None]:
    """Changes a JSON file in place."""

    def edit(path: Path, change: Callable[[dict], object]) -> None:
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))

    return edit


def manifest_text(labels: tuple[str, ...], side: int = 8) -> str:
    shape = {"height": side, "width": side, "fit": "crop"}
    return json.dumps(
        {
            "name": "small",
            "labels": labels,
            "preprocessing": shape,
            "artifacts": [],
            "provenance": {},
            "schema": 2,
        }
    )


@pytest.fixture
def onnx_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes an .onnx whose three scores are the mean of R, G and B over 255, times a factor."""

    def make(
        *,
        factor: float = 1.0,
        shape: tuple[int | str, ...] = (1, 8, 8, 3),
        kind: int = TensorProto.UINT8,
        op: str = "ReduceMean",
        domain: str = "",
        opset: int = 17,
        labels: tuple[str, ...] = ("red", "green", "blue"),
        keepdims: int = 0,
        axes: tuple[int, int] = (1, 2),
        second_output: bool = False,
    ) -> Path:
        pixels = helper.make_tensor_value_info("pixels", kind, shape)
        outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)]
        nodes = [
            helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node(
                op,
                ["floats"],
                ["means"],
                domain=domain,
                **({"axes": axes, "keepdims": keepdims} if not domain else {}),
            ),
            helper.make_node("Mul", ["means", "factor"], ["scores"]),
        ]
        if second_output:
            outputs.append(helper.make_tensor_value_info("means", TensorProto.FLOAT, None))
        constant = numpy_helper.from_array(np.array(factor / 255, np.float32), "factor")
        graph = helper.make_graph(nodes, "small", [pixels], outputs, [constant])
        opsets = [helper.make_opsetid("", opset)] + (
            [helper.make_opsetid(domain, 1)] if domain else []
        )
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        model = onnx.shape_inference.infer_shapes(model) if opset == 17 else model
        helper.set_model_props(model, {"quince.json": manifest_text(labels)})
        path = tmp_path / "small.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return make


@pytest.fixture
def open_to_all():
    """Lets another user come to a folder below pytest's own."""

    def change(folder: Path) -> None:
        for path in (folder, *folder.parents):
            if path.name.startswith("pytest-of-"):
                path.chmod(0o755)
                return
            path.chmod(0o755)

    return change


@pytest.fixture
def make_bundle(onnx_model: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A whole bundle of such a model, with two golden images: a reddish and a greenish image."""

    def make(
        name: str,
        labels: tuple[str, ...] = ("red", "green", "blue"),
        factor: float = 1.0,
        provenance: dict[str, object] | None = None,
    ) -> Path:
        folder = tmp_path / name
        (folder / "golden").mkdir(parents=True)
        content = onnx_model(labels=labels, factor=factor).read_bytes()
        (folder / "small.onnx").write_bytes(content)
        artifact = Artifact("small.onnx", "onnx", "fp32", sha256_of(content))
        manifest = Manifest(
            "small",
            labels,
            Preprocessing(8, 8),
            (artifact,),
            {"model_sha256": "0" * 64} | (provenance or {}),
        )
        (folder / "manifest.json").write_text(manifest.to_json())
        golden_images = []
        for number, channel in enumerate((0, 1)):
            image = np.full((20, 30, 3), 40, np.uint8)
            image[..., channel] = np.linspace(100, 250, 30, dtype=np.uint8)
            file = folder / "golden" / f"{number:02d}.png"
            Image.fromarray(image).save(file)
            decoded = decode(file.read_bytes(), manifest.preprocessing.decode_side)
            pixels = resize(decoded, manifest.preprocessing)
            scores = {"small.onnx": tuple(map(float, Classifier(folder).scores(pixels)))}
            golden_image = GoldenImage(
                file.name,
                labels[channel],
                sha256_of(file.read_bytes()),
                sha256_of(decoded),
                sha256_of(pixels),
                scores,
            )
            write_pixels(folder / "golden", golden_image, pixels)
            golden_images.append(golden_image)
        write_golden(folder / "golden", tuple(golden_images))
        return folder

    return make


PI_FILES = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/cpuinfo": "".join(
        f"processor\t: {core}\nBogoMIPS\t: 108.00\n"
        "Features\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"
        "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
        for core in range(4)
    ),
    "proc/meminfo": "MemTotal:        3884296 kB\n"
    "MemFree:          212340 kB\nMemAvailable:    3012340 kB\n"
    "SwapTotal:        102396 kB\nSwapFree: 99 kB\n",
    "proc/loadavg": "0.42 0.30 0.20 1/210 1234\n",
    "proc/sys/kernel/arch": "aarch64\n",
    "proc/sys/kernel/osrelease": "6.12.25+rpt-rpi-v8\n",
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n',
    "sys/devices/system/cpu/present": "0-3\n",
    "sys/devices/system/cpu/possible": "0-3\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "51608\n",
    **{
        f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor": "ondemand\n"
        for core in range(4)
    },
    **{
        f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq": "600000\n"
        for core in range(4)
    },
    **{
        f"sys/devices/system/cpu/cpu{core}/cpufreq/cpuinfo_max_freq": "1800000\n"
        for core in range(4)
    },
    "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "ondemand\n",
}
"""What a Raspberry Pi 4 with 64-bit Bookworm shows, by path."""


@pytest.fixture
def pi_root(tmp_path: Path) -> Callable[..., Path]:
    """Makes the root of a Raspberry Pi 4's files; `changes` maps paths to texts, None removes."""

    def make(changes: dict[str, str | None] | None = None, throttled: str | None = "0x0") -> Path:
        root = tmp_path / "pi"
        for name, text in {**PI_FILES, **(changes or {})}.items():
            if text is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
        if throttled is not None:
            program = root / "usr/bin/vcgencmd"
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(
                f'#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled={throttled}\n'
            )
            program.chmod(0o755)
        return root

    return make


@pytest.fixture
def colours(tmp_path: Path) -> Callable[..., Path]:
    """A folder of images of these colours, in this order."""

    def make(*names: str) -> Path:
        folder = tmp_path / "colours"
        folder.mkdir()
        for number, name in enumerate(names):
            Image.new("RGB", (64, 64), name).save(folder / f"{number:03d}-{name}.jpg", quality=95)
        return folder

    return make


@pytest.fixture(scope="session")
def mjpeg() -> ModuleType:
    """tests/runtime/mjpeg_camera.py: `with mjpeg.Camera() as camera: camera.url("steady")`."""
    spec = importlib.util.spec_from_file_location(
        "mjpeg_camera", Path(__file__).parent / "mjpeg_camera.py"
    )
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


@pytest.fixture
def camera(mjpeg: ModuleType) -> Iterator[object]:
    with mjpeg.Camera() as running:
        yield running
