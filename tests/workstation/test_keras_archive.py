"""Keras files that are broken, hostile or old are refused in one line (FAULTS E1, E2, E5)."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from runtime.errors import InputRefused
from workstation.keras_archive import check_keras_file

METADATA = {"keras_version": "3.15.1", "date_saved": "2026-11-24@00:00:00"}


CONFIG = {
    "module": "keras",
    "class_name": "Sequential",
    "config": {"name": "net", "layers": []},
    "registered_name": None,
}


def write(
    path: Path,
    config: object = None,
    h5: bytes | None = None,
    metadata: object = METADATA,
    **options: int,
) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        archive.writestr("config.json", json.dumps(config or CONFIG))
        archive.writestr("model.weights.h5", bytes(2000) if h5 is None else h5)
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_honest_file_passes_stored_or_compressed(tmp_path: Path, compression: int) -> None:
    check_keras_file(write(tmp_path / "model.keras", compression=compression))


def test_what_train_writes_passes(trained: Path) -> None:
    check_keras_file(trained / "model.keras")


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
    "not a Keras file .*git lfs pull": lambda path: path.write_bytes(
        b"version https://git-lfs.github.com/spec/v1\n"
    ),
    "one member twice": twice,
    "holds '../evil.txt'": extra,
    "names no keras_version": lambda path: write(path, metadata=[]),
    "config.json: .*not valid JSON": lambda path: write_raw(path, b"{"),
    "config.json: .*over 8388608 bytes": lambda path: write_raw(path, b" " * (8 * 2**20 + 1)),
    "claims 10000000 bytes": lambda path: write(
        path, h5=bytes(10_000_000), compression=zipfile.ZIP_DEFLATED
    ),
}


def write_raw(path: Path, config: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (
            ("metadata.json", json.dumps(METADATA).encode()),
            ("config.json", config),
            ("model.weights.h5", b""),
        ):
            archive.writestr(name, content)


@pytest.mark.parametrize("reason", BROKEN)
def test_a_file_that_is_no_keras_file_is_refused_saying_what_it_is(
    tmp_path: Path, reason: str
) -> None:
    path = write(tmp_path / "model.keras")
    BROKEN[reason](path)
    with pytest.raises(InputRefused, match=f"model.keras.*{reason}"):
        check_keras_file(path)


def test_another_suffix_is_refused_since_keras_would_not_load_it(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"end in \.keras"):
        check_keras_file(write(tmp_path / "model.zip"))


# old formats


def test_a_keras_file_written_by_keras_2_says_how_to_convert_it(tmp_path: Path) -> None:
    with pytest.raises(
        InputRefused, match=r"written by Keras 2\.15\.0.*run model.export\('FOLDER'\)"
    ):
        check_keras_file(write(tmp_path / "model.keras", metadata={"keras_version": "2.15.0"}))


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("2.11.0", r"Keras 2\.11\.0.*model.export"),
        ("3.15.1", r"save it with model.save\('model.keras'\)"),
    ],
)
@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_an_h5_file_is_refused_whatever_its_name_with_the_version_that_wrote_it(
    tmp_path: Path, version: str, reason: str, name: str
) -> None:
    with h5py.File(tmp_path / name, "w") as file:
        file.attrs["keras_version"] = version.encode()
        file.attrs["model_config"] = json.dumps(CONFIG).encode()
    with pytest.raises(InputRefused, match=f"an .h5 file.*{reason}"):
        check_keras_file(tmp_path / name)
