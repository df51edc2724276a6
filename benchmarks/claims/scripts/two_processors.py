"""python -m benchmarks.claims.scripts.two_processors BUNDLE DATA [IMAGES]

Compares the labels of this machine with those of an emulated Cortex-A72 and Cortex-A76. Every model
file of the bundle classifies the same images of the folder, evenly drawn, here and in emulation
(export.emulation). The figure is the per cent of images with the same top-1, of the worst file; the
figures of all files are printed.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.claims.base import Claim, print_claims, run_claim
from export.emulation.classify import device_scores
from export.emulation.devices import choose_device
from runtime.bundles.bundle import Bundle
from runtime.classifier import Classifier
from runtime.images.decoding import read_image
from runtime.images.preprocessing import preprocess

DEVICES, IMAGES, BAR_PERCENT = ("cortex-a72", "cortex-a76"), 400, 99.5
SUFFIXES = (".jpg", ".jpeg", ".png")


def main() -> int:
    """Prints a claim for each processor; returns 3 if one does not hold."""
    bundle = Bundle.open(Path(sys.argv[1]))
    count = int(sys.argv[3]) if len(sys.argv) > 3 else IMAGES
    images = _evenly_drawn(Path(sys.argv[2]), count)
    files = [bundle.path / artifact.file for artifact in bundle.exported()]
    scores = {file.name: _scores(file, images) for file in files}
    return print_claims(*(_claim(device, files, images, scores) for device in DEVICES))


def _evenly_drawn(folder: Path, count: int) -> list[Path]:
    images = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    places = np.linspace(0, len(images) - 1, min(count, len(images)), dtype=int)
    return [images[place] for place in places]


def _claim(
    device: str, files: list[Path], images: list[Path], scores: dict[str, np.ndarray]
) -> Claim:
    same = {}
    for file, emulated in device_scores(choose_device(device), files, images).items():
        same[file] = float(np.mean(emulated.argmax(1) == scores[file].argmax(1)))
        difference = np.abs(emulated - scores[file]).max()
        print(
            f"{file} on {device}: same top-1 {same[file]:.4f}, "
            f"largest score difference {difference:.2g}"
        )
    worst = min(same, key=lambda file: same[file])
    unit = (
        f"% of {len(images)} images have the same top-1 as here "
        f"({worst} does worst of {len(same)} files)"
    )
    return Claim(f"two-processors-{device}", 100 * same[worst], unit, BAR_PERCENT, least=True)


def _scores(file: Path, images: list[Path]) -> np.ndarray:
    classifier = Classifier(file)
    pixels = (preprocess(read_image(image), classifier.preprocessing) for image in images)
    return np.stack([classifier.scores(image) for image in pixels])


if __name__ == "__main__":
    run_claim(__spec__.name, main)
