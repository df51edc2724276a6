"""Lists the photos of the ELPV data set, which comes as a package."""

import random
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from runtime.errors import MachineError
from runtime.system.lazy_loading import install_hint

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
