"""Small Keras files that declare gigabytes, or weights elsewhere, are refused (FAULTS E3)."""

import io
import json
import os
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from runtime.errors import InputRefused
from workstation.keras_loading import load_keras_file

KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"


def model_config(units: int = 4) -> dict:
    def layer(class_name: str, **config: object) -> dict:
        return {
            "module": "keras.layers",
            "class_name": class_name,
            "config": config,
            "registered_name": None,
        }

    layers = [
        layer("InputLayer", batch_shape=[None, 8, 8, 3], dtype="float32", name="input"),
        layer("Flatten", name="flatten"),
        layer("Dense", units=units, activation="softmax", name="scores"),
    ]
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "net", "layers": layers},
        "registered_name": None,
    }


def honest(file: h5py.File) -> None:
    file[KERNEL] = np.zeros((192, 4), np.float32)


def shape_bomb(file: h5py.File) -> None:
    file.create_dataset(KERNEL, (30_000, 30_000), np.float32)


def chunked_bomb(file: h5py.File) -> None:
    shape, chunks = (10**5, 10**5), (100, 100)
    file.create_dataset(KERNEL, shape, np.float32, chunks=chunks, compression="gzip")


def external_storage(file: h5py.File) -> None:
    place = [("/etc/hostname", 0, h5py.h5f.UNLIMITED)]
    file.create_dataset(KERNEL, (192, 4), np.float32, external=place)


def external_link(file: h5py.File) -> None:
    file[KERNEL] = h5py.ExternalLink("/etc/hostname", "/")


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((192, 4), np.float32)
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", (192, 4))
    file.create_virtual_dataset(KERNEL, layout)


def text(file: h5py.File) -> None:
    file.create_dataset(KERNEL, data=["x"], dtype=h5py.string_dtype())


def too_few(file: h5py.File) -> None:
    file[KERNEL] = np.zeros(700, np.float32)


def write(path: Path, config: dict, fill: Callable[[h5py.File], None]) -> Path:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        fill(file)
        file[BIAS] = np.zeros(4, np.float32)
    members = {
        "metadata.json": json.dumps({"keras_version": "3.15.1"}),
        "config.json": json.dumps(config),
        "model.weights.h5": content.getvalue(),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return path


def test_an_honest_file_is_loaded(tmp_path: Path) -> None:
    model = load_keras_file(write(tmp_path / "model.keras", model_config(), honest))
    assert model.output_shape == (None, 4)


@pytest.mark.parametrize(
    ("fill", "reason"),
    [
        (shape_bomb, "Unable to allocate 3.35 GiB"),
        (chunked_bomb, "declares 37.25 GB but only 0.00 B are stored"),
        (external_storage, "Not allowed: H5 file with external Dataset"),
        (external_link, "Not allowed: H5 file with ExternalLink"),
        (virtual, "Not allowed: H5 file with virtual Dataset"),
        (text, "could not convert string to float"),
        (too_few, "could not be loaded"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_weights_that_declare_too_much_or_lie_elsewhere_are_refused(
    tmp_path: Path, fill: Callable[[h5py.File], None], reason: str
) -> None:
    """CVE-2026-0897 (shapes), -1669 (external storage), -12480 (virtual data sets), links."""
    path = write(tmp_path / "model.keras", model_config(), fill)
    with pytest.raises(InputRefused, match=f"model.keras: Keras cannot load it: .*{reason}"):
        load_keras_file(path)


def test_a_small_bomb_is_refused_in_seconds_and_little_memory(tmp_path: Path) -> None:
    """First with 4 GB of addresses, then without a limit."""
    path = write(tmp_path / "bomb.keras", model_config(units=10**9), honest)
    assert path.stat().st_size < 10_000
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from workstation.keras_setup import prepare_tensorflow; prepare_tensorflow()\n"
        "from workstation.keras_loading import load_keras_file\n"
        "for _ in range(2):\n"
        "    try: load_keras_file(Path(sys.argv[1]))\n"
        "    except Exception as error: print(type(error).__name__)\n"
        "    hard = resource.getrlimit(resource.RLIMIT_AS)[1]\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))\n"
        # not ru_maxrss, which begins with the size of the process that started this one
        "lines = Path('/proc/self/status').read_text().splitlines()\n"
        "print(next(line.split()[1] for line in lines if line.startswith('VmHWM')))"
    )
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4_000_000 * 1024, hard)),
    )
    assert done.stdout, done.stderr
    *names, resident = done.stdout.split()
    assert names == ["InputRefused"] * 2
    assert int(resident) < 1_500_000, "kB"
    assert time.monotonic() - start < 60
