"""Runs all of Quince on a real sample, with the commands a user would type.

A second run keeps what is still valid.
"""

import csv
import json
import shlex
import subprocess
import sys
from pathlib import Path

QUINCE = Path(sys.executable).with_name("quince")
DATA, RUN = Path("data/elpv"), Path("runs/solar-cells")
BUNDLE = RUN / "bundle"
PAPER = (("fine-tuned VGG-19 (Deitsch et al. 2019)", 0.8842), ("SVM (the same)", 0.8244))
TRAINING = "--flip both --augment 0.3 --test-fraction 0.25 --input-size 192 --epochs 6 --views 2"


def main() -> None:
    run(f"quince train sample elpv -o {DATA}")
    run(f"quince train {DATA} -o {RUN} {TRAINING} --overwrite")
    run(f"quince export tflite {RUN} --overwrite")
    run(f"quince export onnx {RUN} --overwrite")
    run(f"quince run verify {BUNDLE}")
    run(f"quince run predict {BUNDLE} {' '.join(held_out(3))}")
    compare_with_the_paper()
    print(f"\nbundle: {BUNDLE}\nreport: {BUNDLE / 'report.html'}")


def run(command: str) -> None:
    print(f"\n$ {command}", flush=True)
    code = subprocess.run([QUINCE, *shlex.split(command)[1:]]).returncode
    if code:
        raise SystemExit(code)


def held_out(count: int) -> list[str]:
    """The first test images of each class."""
    with (RUN / "images.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    labels = sorted({row["label"] for row in rows})
    return [
        str(DATA / row["path"])
        for label in labels
        for row in [row for row in rows if row["label"] == label][:count]
    ]


def compare_with_the_paper() -> None:
    records = json.loads((BUNDLE / "parity.json").read_text())["artifacts"]
    parity = records["model.int8.tflite"]["parity"]
    rows = [
        ("ours, Keras", parity["reference_accuracy"]),
        ("ours, int8 TFLite", parity["candidate_accuracy"]),
        *PAPER,
    ]
    print(
        f"\ntest accuracy, functional or defective, 75/25 split ({parity['images']} test images):"
    )
    for name, accuracy in rows:
        print(f"  {accuracy:.2%}  {name}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # the step that ran has said so
        raise SystemExit(130) from None
