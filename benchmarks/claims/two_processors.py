"""python -m benchmarks.claims.two_processors BUNDLE DATA [PICTURES]: the same labels here and on emulated Cortex-A72 and Cortex-A76.

Every model file of the bundle classifies the same pictures of the folder, evenly drawn, here and in emulation (export.emulated); the figure
is the per cent of them with the same top-1, of the file that does worst. What each does is printed.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.claims import Claim, run, show
from export.emulated.check import device_scores
from export.emulated.devices import choose_device
from runtime import Classifier
from runtime.bundle import Bundle
from runtime.opening import read_picture
from runtime.preprocess import preprocess

DEVICES, PICTURES, BAR_PERCENT = ("cortex-a72", "cortex-a76"), 400, 99.5
SUFFIXES = (".jpg", ".jpeg", ".png")


def main() -> int:
    """Prints a figure for each processor; 3 if one does not hold."""
    bundle, count = Bundle.open(Path(sys.argv[1])), int(sys.argv[3]) if len(sys.argv) > 3 else PICTURES
    every = sorted(file for file in Path(sys.argv[2]).rglob("*") if file.suffix.lower() in SUFFIXES)
    pictures = [every[place] for place in np.linspace(0, len(every) - 1, min(count, len(every)), dtype=int)]
    files = [bundle.path / artifact.file for artifact in bundle.exported()]
    here = {file.name: _scores(file, pictures) for file in files}
    claims = []
    for name in DEVICES:
        there = device_scores(choose_device(name), files, pictures)
        same = {}
        for file, scores in there.items():
            same[file] = float(np.mean(scores.argmax(1) == here[file].argmax(1)))
            print(f"{file} on {name}: same top-1 {same[file]:.4f}, worst score difference {np.abs(scores - here[file]).max():.2g}")
        worst = min(same, key=lambda file: same[file])
        what = f"% of {len(pictures)} pictures have the same top-1 as here ({worst} does worst of {len(same)} files)"
        claims.append(Claim(f"two-processors-{name}", 100 * same[worst], what, BAR_PERCENT, least=True))
    return show(*claims)


def _scores(file: Path, pictures: list[Path]) -> np.ndarray:
    classifier = Classifier(file)
    return np.stack([classifier.scores(preprocess(read_picture(picture), classifier.preprocessing)) for picture in pictures])


if __name__ == "__main__":
    run(__spec__.name, main)
