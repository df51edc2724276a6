"""Writes real sample data sets, which come as packages, as a folder per class."""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from runtime.errors import InputRefused, MachineError
from runtime.system.atomic_files import new_folder
from runtime.system.lazy_loading import install_hint, lookup

DEFECTIVE_FROM = 0.5
"""The defect probability from which a cell counts as defective."""


def elpv() -> Iterator[tuple[str, Path]]:
    """Yields the class name and the file of each photo in the package elpv-dataset.

    It has 2,624 electroluminescence photos of solar cells, cut from 44 modules: 300x300 grey PNG,
    CC BY-NC-SA 4.0. Deitsch et al., "Automatic classification of defective photovoltaic module
    cells in electroluminescence images", Solar Energy 185 (2019), 455-468.

    Raises:
        MachineError: the package is not installed.
    """
    package = find_spec("elpv_dataset")
    if package is None or package.origin is None:
        raise MachineError("sample elpv", install_hint("elpv-dataset", "samples"))
    folder = Path(package.origin).parent / "data"
    for line in (folder / "labels.csv").read_text().splitlines():
        file, probability, _kind = line.split()
        yield ("defective" if float(probability) >= DEFECTIVE_FROM else "functional"), folder / file


SAMPLES = {"elpv": elpv}


def write_sample(name: str, folder: Path) -> int:
    """Copies a sample's images into `folder`, one folder per class; returns their number.

    A sample that is there already is kept.

    Raises:
        MachineError: the package is not installed, or the disk is full.
        InputRefused: `folder` holds something else.
    """
    rows = list(lookup(SAMPLES, name, "sample")())
    if folder.exists():
        present = {(file.parent.name, file.name) for file in folder.glob("*/*")}
        if present != {(label, file.name) for label, file in rows}:
            raise InputRefused(
                str(folder), f"exists already and is not the sample {name}; choose another -o"
            )
        return len(rows)
    with new_folder(folder) as temporary:
        for label, file in rows:
            (temporary / label).mkdir(exist_ok=True)
            shutil.copyfile(file, temporary / label / file.name)
    return len(rows)
