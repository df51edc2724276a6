"""Real sample data sets that come as packages, written out as a folder per class."""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from runtime.atomic import new_folder
from runtime.errors import InputRefused, MachineError
from runtime.plugins import choose, missing

DEFECTIVE_FROM = 0.5
"""The defect probability from which a cell counts as defective."""


def elpv() -> Iterator[tuple[str, Path]]:
    """Class name and file of each of the 2,624 electroluminescence photos of solar cells in the package elpv-dataset.

    300x300 grey PNG, cut from 44 modules; CC BY-NC-SA 4.0. Deitsch et al., "Automatic classification of defective photovoltaic
    module cells in electroluminescence images", Solar Energy 185 (2019), 455-468.

    Raises:
        MachineError: the package is not installed.
    """
    package = find_spec("elpv_dataset")
    if package is None or package.origin is None:
        raise MachineError("sample elpv", missing("elpv-dataset", "samples"))
    folder = Path(package.origin).parent / "data"
    for line in (folder / "labels.csv").read_text().splitlines():
        file, probability, _kind = line.split()
        yield ("defective" if float(probability) >= DEFECTIVE_FROM else "functional"), folder / file


SAMPLES = {"elpv": elpv}


def write_sample(name: str, folder: Path) -> int:
    """Copies a sample's pictures into `folder`, one folder per class; returns their number. One that is there is kept.

    Raises:
        MachineError: the package is not installed, or the disk is full.
        InputRefused: `folder` holds something else.
    """
    rows = list(choose(SAMPLES, name, "sample")())
    if folder.exists():
        there = {(file.parent.name, file.name) for file in folder.glob("*/*")}
        if there != {(label, file.name) for label, file in rows}:
            raise InputRefused(str(folder), f"is there already and is not the sample {name}")
        return len(rows)
    with new_folder(folder) as new:
        for label, file in rows:
            (new / label).mkdir(exist_ok=True)
            shutil.copyfile(file, new / label / file.name)
    return len(rows)
