"""python -m benchmarks.claims.scripts.scale FOLDER [--counts N N] [--steps STEP STEP] [--plot FILE]

Measures how the cost of the commands grows with the number of images. JPEGs of 96x96 are made in
FOLDER and removed: ten colours with noise are ten classes, and no two are alike. `train check`
reads them; `train --epochs 0` computes features and solves a head; `export tflite` compares its
file with Keras on the test images, a fifth of all (the gate); `predict` answers about all; and
`train --epochs 1` fine-tunes for an epoch. Each is a command of its own; what one leaves in the
cache serves the next. The claim is about processor time, because other work on the machine does not
change it much: ten times the images take at most eleven times the processor time.
"""

import math
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.claims.base import Claim, claim_parser, print_claims, run_claim
from benchmarks.claims.interleave import usage_of
from runtime.cli.parser import add_earlier_name
from runtime.errors import InputRefused
from workstation.plotting import save_png

IMAGES = (1000, 10_000)
CLASSES, SIDE, COARSE, NOISE = 10, 96, 12, 60
MB, BAR = 1e6, 1.1
TRAIN = ("train", "DATA", "--cache", "CACHE", "--overwrite", "-o")
STEPS: dict[str, tuple[str, ...]] = {
    "check": ("train", "check", "DATA", "--cache", "CACHE"),
    "features": (*TRAIN, "HEAD", "--epochs", "0"),
    "gate": ("export", "tflite", "HEAD", "--no-examples", "--max-drop", "1"),
    "predict": ("runtime", "predict", "HEAD/bundle", "DATA"),
    "epoch": (*TRAIN, "TUNED", "--epochs", "1"),
}
HEAD = "| command | images | s | processor s | ms an image | peak memory, MB | disk, MB |"


class Cost(NamedTuple):
    """Holds what one command took; the disk is what it added beside the images."""

    step: str
    images: int
    clock_s: float
    processor_s: float
    peak_mb: float
    disk_mb: float

    @property
    def ms(self) -> float:
        """The processor time of an image."""
        return self.processor_s / self.images * 1e3


def main() -> int:
    """Prints the table and a claim for each command; returns 3 if one does not hold."""
    parser = claim_parser(__doc__)
    parser.add_argument("folder", type=Path, help="where images and results are kept meanwhile")
    parser.add_argument("--counts", type=int, nargs="+", default=IMAGES, help="of images")
    add_earlier_name(parser, "--images", "--counts")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=tuple(STEPS))
    parser.add_argument("--plot", type=Path)
    parsed = parser.parse_args()
    if len(set(parsed.counts)) < 2:
        raise InputRefused("--counts", "expected two or more numbers, to compare, found one")
    costs = [
        cost
        for count in sorted(set(parsed.counts))
        for cost in _measure(parsed.folder, count, parsed.steps)
    ]
    print(f"load {os.getloadavg()[0]:.1f}\n\n{HEAD}\n{'|---' * 7}|")
    for cost in costs:
        figures = (f"{cost.clock_s:.0f}", f"{cost.processor_s:.0f}", f"{cost.ms:.2f}")
        print(f"| {cost.step} | {cost.images} | {' | '.join(figures)} |", end="")
        print(f" {cost.peak_mb:.0f} | {cost.disk_mb:.1f} |")
    if parsed.plot:
        _plot(costs, parsed.plot)
    return print_claims(*(_claim(costs, step) for step in parsed.steps))


def _measure(parent: Path, count: int, steps: Sequence[str]) -> list[Cost]:
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        names = ("DATA", "CACHE", "HEAD", "TUNED")
        paths = {name: str(Path(folder) / name.lower()) for name in names}
        _make_images(Path(paths["DATA"]), count)
        return [_run(step, count, paths, Path(folder)) for step in steps]


def _make_images(folder: Path, count: int) -> None:
    draw = np.random.default_rng(7)
    for number in range(count):
        label = number % CLASSES
        if number < CLASSES:
            (folder / f"class{label}").mkdir(parents=True)
        colour = np.array([label % 2, label // 2 % 2, label / CLASSES]) * (255 - NOISE)
        pixels = colour + draw.integers(0, NOISE, (COARSE, COARSE, 3))
        image = Image.fromarray(pixels.astype(np.uint8)).resize((SIDE, SIDE))
        image.save(folder / f"class{label}" / f"{number}.jpg")


def _run(step: str, count: int, paths: dict[str, str], folder: Path) -> Cost:
    words = []
    for word in STEPS[step]:
        name, slash, rest = word.partition("/")
        words.append(paths.get(name, name) + slash + rest)
    before, start = _disk_mb(folder), time.monotonic()
    usage = usage_of(*words)
    seconds = time.monotonic() - start
    processor_s, peak_mb = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / MB
    cost = Cost(step, count, seconds, processor_s, peak_mb, _disk_mb(folder) - before)
    print(cost, flush=True)
    return cost


def _disk_mb(folder: Path) -> float:
    files = (file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())
    return sum(files) / MB


def _claim(costs: Sequence[Cost], step: str) -> Claim:
    first, *_, last = [cost for cost in costs if cost.step == step]
    growth = last.processor_s / first.processor_s / (last.images / first.images)
    unit = (
        f"times as much processor time an image with {last.images} images as with {first.images}"
        f" ({last.ms:.2f} and {first.ms:.2f} ms; peak memory {last.peak_mb:.0f} and"
        f" {first.peak_mb:.0f} MB)"
    )
    return Claim(f"scale-{step}", growth, unit, BAR, least=False)


def _plot(costs: Sequence[Cost], path: Path) -> None:
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    titles = {
        "processor_s": "processor time, s",
        "peak_mb": "peak memory, MB",
        "disk_mb": "disk, MB",
    }
    first, *others = figure.subplots(1, 3)
    for axes, (name, title) in zip((first, *others), titles.items(), strict=True):
        for step in dict.fromkeys(cost.step for cost in costs):
            points = [cost for cost in costs if cost.step == step]
            axes.plot(
                [cost.images for cost in points],
                [getattr(cost, name) or math.nan for cost in points],
                marker="o",
                label=step,
            )
        axes.set(title=title, xlabel="images", xscale="log", yscale="log")
        axes.grid(alpha=0.3)
    figure.legend(*first.get_legend_handles_labels(), loc="outside right center")
    save_png(figure, path)


if __name__ == "__main__":
    run_claim(__spec__.name, main)
