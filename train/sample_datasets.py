"""Writes real sample data sets, which come as packages, as folders of classes."""

import random
import shutil
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from runtime.errors import InputRefused, MachineError
from runtime.system.atomic_files import new_folder
from runtime.system.lazy_loading import install_hint, lookup

DEFECTIVE_FROM = 0.5
"""The defect probability from which a cell counts as defective."""
TEST_FRACTION, SPLIT_SEED = 0.25, 0
"""A quarter of the cells is for testing, as in the paper; the seed chooses which."""


def elpv() -> Iterator[tuple[str, Path]]:
    """Yields the folder ("Test/defective") and the file of each photo in the package elpv-dataset.

    It has 2,624 electroluminescence photos of solar cells, cut from 44 modules: 300x300 grey PNG,
    CC BY-NC-SA 4.0. Deitsch et al., "Automatic classification of defective photovoltaic module
    cells in electroluminescence images", Solar Energy 185 (2019), 455-468. As in the paper, a
    quarter is held out for testing, with the same fractions of each defect probability and each
    type of cell. The paper does not list which cells.

    Raises:
        MachineError: the package is not installed.
    """
    package = find_spec("elpv_dataset")
    if package is None or package.origin is None:
        raise MachineError("sample elpv", install_hint("elpv-dataset", "samples"))
    folder = Path(package.origin).parent / "data"
    strata: defaultdict[tuple[float, str], list[Path]] = defaultdict(list)
    for line in (folder / "labels.csv").read_text().splitlines():
        file, probability, cell_type = line.split()
        strata[float(probability), cell_type].append(folder / file)
    generator = random.Random(SPLIT_SEED)
    for (degree, _), photos in sorted(strata.items()):
        label = "defective" if degree >= DEFECTIVE_FROM else "functional"
        test = set(generator.sample(photos, round(len(photos) * TEST_FRACTION)))
        for photo in photos:
            yield f"{'Test' if photo in test else 'Training'}/{label}", photo


SAMPLES = {"elpv": elpv}


def write_sample(name: str, folder: Path) -> int:
    """Copies a sample's images into `folder`, as splits and classes; returns their number.

    A sample that is there already is kept.

    Raises:
        MachineError: the package is not installed, or the disk is full.
        InputRefused: `folder` holds something else.
    """
    rows = list(lookup(SAMPLES, name, "sample")())
    if folder.exists():
        present = {file.relative_to(folder) for file in folder.rglob("*") if file.is_file()}
        if present != {Path(subfolder, file.name) for subfolder, file in rows}:
            raise InputRefused(
                str(folder), f"exists already and is not the sample {name}; choose another -o"
            )
        return len(rows)
    with new_folder(folder) as temporary:
        for subfolder, file in rows:
            (temporary / subfolder).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, temporary / subfolder / file.name)
    return len(rows)
