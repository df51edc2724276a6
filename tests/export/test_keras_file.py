"""Keras files that are broken, hostile or old are refused in one line, quickly and in little memory (FAULTS E1-E3, E5)."""

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

from export.keras_weights import check_weights
from runtime.errors import InputRefused
from runtime.keras_file import check_keras_file

METADATA = {"keras_version": "3.15.1", "date_saved": "2026-11-24@00:00:00"}


def model_config(units: int = 4, *, build: bool = True) -> dict:
    shape = {"build_config": {"input_shape": [None, 192]}} if build else {}

    def part(class_name: str, **config: object) -> dict:
        return {"module": "keras.layers", "class_name": class_name, "config": config, "registered_name": None}

    layers = [
        part("InputLayer", batch_shape=[None, 8, 8, 3], dtype="float32", name="input"),
        part("Flatten", name="flatten"),
        part("Dense", units=units, activation="softmax", name="scores") | shape,
    ]
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "net", "layers": layers}, "registered_name": None}


def weights(fill: Callable[[h5py.File], None]) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        fill(file)
    return content.getvalue()


def honest(file: h5py.File) -> None:
    file["layers/scores/vars/0"] = np.zeros((192, 4), np.float32)
    file["layers/scores/vars/1"] = np.zeros(4, np.float32)


def write(path: Path, config: object = None, h5: bytes | None = None, metadata: object = METADATA, **options: int) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        archive.writestr("config.json", json.dumps(config or model_config()))
        archive.writestr("model.weights.h5", weights(honest) if h5 is None else h5)
    return path


def check(path: Path) -> None:
    check_weights(path, check_keras_file(path))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_honest_file_passes_stored_or_compressed(tmp_path: Path, compression: int) -> None:
    check(write(tmp_path / "model.keras", compression=compression))


def test_what_train_writes_passes(trained: Path) -> None:
    check(trained / "model.keras")


# what is no Keras file


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"config.json") + 20] ^= 1
    path.write_bytes(content)


def twice(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", "{}")


def extra(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../evil.txt", "x")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BROKEN: dict[str, Callable[[Path], object]] = {
    "no such file": Path.unlink,
    "empty file": lambda path: path.write_bytes(b""),
    "not a file": folder,
    "cut: the end": cut,
    "damaged": flip,
    "not a Keras file .*JPEG": lambda path: path.write_bytes(b"\xff\xd8\xff\xe0"),
    "not a Keras file .*git lfs pull": lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"),
    "one member twice": twice,
    "holds '../evil.txt'": extra,
    "names no keras_version": lambda path: write(path, metadata=[]),
    "config.json: .*not valid JSON": lambda path: write_raw(path, b"{"),
    "config.json: .*over 8388608 bytes": lambda path: write_raw(path, b" " * (8 * 2**20 + 1)),
    "says it is 10000000 bytes": lambda path: write(path, h5=bytes(10_000_000), compression=zipfile.ZIP_DEFLATED),
    "weights cannot be read": lambda path: write(path, h5=b"not HDF5"),
}


def write_raw(path: Path, config: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("metadata.json", json.dumps(METADATA).encode()), ("config.json", config), ("model.weights.h5", b"")):
            archive.writestr(name, content)


@pytest.mark.parametrize("reason", BROKEN)
def test_a_file_that_is_no_keras_file_is_refused_saying_what_it_is(tmp_path: Path, reason: str) -> None:
    path = write(tmp_path / "model.keras")
    BROKEN[reason](path)
    with pytest.raises(InputRefused, match=f"model.keras.*{reason}"):
        check(path)


def test_another_suffix_is_refused_since_keras_would_not_load_it(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"end in \.keras"):
        check(write(tmp_path / "model.zip"))


# old formats


def test_a_keras_file_written_by_keras_2_says_how_to_convert_it(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"written by Keras 2\.15\.0.*run model.export\('FOLDER'\)"):
        check(write(tmp_path / "model.keras", metadata={"keras_version": "2.15.0"}))


@pytest.mark.parametrize(
    ("version", "reason"), [("2.11.0", r"Keras 2\.11\.0.*model.export"), ("3.15.1", r"save it with model.save\('model.keras'\)")]
)
@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_an_h5_file_is_refused_whatever_its_name_with_the_version_that_wrote_it(
    tmp_path: Path, version: str, reason: str, name: str
) -> None:
    with h5py.File(tmp_path / name, "w") as file:
        file.attrs["keras_version"] = version.encode()
        file.attrs["model_config"] = json.dumps(model_config()).encode()
    with pytest.raises(InputRefused, match=f"an .h5 file.*{reason}"):
        check_keras_file(tmp_path / name)


# files that declare more than they hold


def shape_bomb(file: h5py.File) -> None:
    file.create_dataset("layers/scores/vars/0", (30_000, 30_000), np.float32)


def chunked_bomb(file: h5py.File) -> None:
    file.create_dataset("layers/scores/vars/0", (10**5, 10**5), np.float32, chunks=(100, 100), compression="gzip")


def many_names(file: h5py.File) -> None:
    honest(file)
    for number in range(1000):
        file[f"layers/x{number}"] = file["layers/scores/vars/0"]


def external_storage(file: h5py.File) -> None:
    file.create_dataset("layers/scores/vars/0", (192, 4), np.float32, external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def external_link(file: h5py.File) -> None:
    file["layers/scores"] = h5py.ExternalLink("/etc/hostname", "/")


def soft_link(file: h5py.File) -> None:
    honest(file)
    file["layers/other"] = h5py.SoftLink("/layers/scores")


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((192, 4), np.float32)
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", (192, 4))
    file.create_virtual_dataset("layers/scores/vars/0", layout)


def text(file: h5py.File) -> None:
    file.create_dataset("layers/scores/vars/0", data=["x"], dtype=h5py.string_dtype())


def too_few(file: h5py.File) -> None:
    file["layers/scores/vars/0"] = np.zeros(700, np.float32)


H5 = {
    "declare .* bytes": (shape_bomb, chunked_bomb),
    "refer to another place": (external_link, soft_link),
    "refer to another file": (external_storage, virtual),
    "not numbers": (text,),
    "layers declare at least 768 weights": (too_few,),
}


@pytest.mark.parametrize(("reason", "fill"), [(reason, fill) for reason, fills in H5.items() for fill in fills])
def test_weights_that_declare_too_much_or_lie_elsewhere_are_refused(tmp_path: Path, reason: str, fill: Callable[[h5py.File], None]) -> None:
    """CVE-2026-0897 (shapes), CVE-2026-1669 (external storage), CVE-2026-12480 (virtual datasets), external and soft links."""
    with pytest.raises(InputRefused, match=reason):
        check(write(tmp_path / "model.keras", h5=weights(fill)))


def test_one_dataset_of_many_names_counts_once(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="layers declare at least 19200 weights"):
        check(write(tmp_path / "model.keras", model_config(units=100), weights(many_names)))


@pytest.mark.parametrize("build", [True, False])
def test_a_thousand_million_units_are_refused_whether_or_not_the_input_is_declared(tmp_path: Path, build: bool) -> None:
    with pytest.raises(InputRefused, match=r"layer 'scores' \d+000000000\); the file holds 772"):
        check(write(tmp_path / "model.keras", model_config(10**9, build=build)))


@pytest.mark.parametrize(
    ("config", "h5"), [(model_config(10**9), weights(honest)), (model_config(), weights(shape_bomb))], ids=["units", "shape"]
)
def test_small_bombs_are_refused_in_a_second_and_little_memory(tmp_path: Path, config: dict, h5: bytes) -> None:
    path = write(tmp_path / "bomb.keras", config, h5)
    assert path.stat().st_size < 10_000
    code = (
        "import sys, time; from pathlib import Path\n"
        "from runtime.keras_file import check_keras_file; from export.keras_weights import check_weights\n"
        "start = time.monotonic(); path = Path(sys.argv[1])\n"
        "try: check_weights(path, check_keras_file(path))\n"
        "except Exception as error: print(type(error).__name__, time.monotonic() - start)"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (300 * 2**20, 300 * 2**20)),
    )
    name, seconds = done.stdout.split()
    assert name == "InputRefused", done.stderr
    assert float(seconds) < 1
    assert time.monotonic() - start < 20
